"""The cache key (RFC 9111 §2): the target URI as the operator's policy normalises it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from httpcache.messages import RequestHead
from httpcache.rules.request_target import normal_authority
from httpcache.settings import SitePolicy
from httpcache.spelling import one_spelling, without_dots

_URL = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<authority>[^/?#\s]+)(?P<target>[/?][^#\x00-\x20\x7f]*)?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class CacheKey:
    """`key` finds stored responses; `uri` is the target URI less its scheme, as purge orders name it.

    All spellings of a URI have one `uri`, so that whatever is ordered or invalidated under one is so under all. Dot
    segments stay in both: what an origin makes of them is its own affair.
    """

    key: str
    uri: str


def cache_key(request: RequestHead, policy: SitePolicy) -> CacheKey:
    """The key of a request: scheme, authority, path and query, and the cookies that the policy names."""
    key = f"{request.scheme}://{request.authority}{normal_target(request.target, policy)}"
    uri = request.authority + normal_target(one_spelling(request.target), policy)
    if policy.cookies:
        cookies = _cookies(request.fields.get("cookie") or "")
        named = "; ".join(f"{name}={cookies[name]}" for name in sorted(policy.cookies) if name in cookies)
        key = f"{key}\n{named}"
    return CacheKey(key, uri)


def normal_target(target: str, policy: SitePolicy) -> str:
    """Path and query with the query treated as the policy says."""
    path, mark, query = target.partition("?")
    if not mark or (
        policy.query == "keep" and not (policy.query_only or policy.query_without or policy.query_sorted)
    ):
        return target
    if policy.query == "ignore":
        return path
    parameters = [one for one in query.split("&") if one and _is_kept(one.partition("=")[0], policy)]
    if policy.query_sorted:
        parameters.sort()
    return f"{path}?{'&'.join(parameters)}" if parameters else path


def _is_kept(name: str, policy: SitePolicy) -> bool:
    if policy.query_only and not any(_pattern(one).fullmatch(name) for one in policy.query_only):
        return False
    return not any(_pattern(one).fullmatch(name) for one in policy.query_without)


@lru_cache(1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)


def _cookies(value: str) -> dict[str, str]:
    """Names and values of a Cookie field; of several with one name the first counts, as servers mostly take it."""
    pairs: dict[str, str] = {}
    for part in value.split(";"):
        name, _, content = part.strip().partition("=")
        pairs.setdefault(name, content)
    return pairs


def uri_of_url(url: str, sites: Sequence[SitePolicy]) -> str | None:
    """The `uri` under which responses for a URL are stored, so that an order finds them; None when it is no URL."""
    match = _URL.fullmatch(url)
    if match is None or (match["scheme"] is None and match["authority"].endswith(":")):
        return None  # the latter is another scheme
    scheme = (match["scheme"] or "http").lower()
    authority = normal_authority(match["authority"], scheme)
    if authority is None:
        return None
    target = match["target"] or "/"
    if target.startswith("?"):
        target = f"/{target}"
    return authority + normal_target(one_spelling(target), policy_for(tuple(sites), authority, target))


def policy_for(sites: tuple[SitePolicy, ...], host: str, path: str) -> SitePolicy:
    """The policy of a request: a named host before a wildcard before "*", then the longest prefix; else the default."""
    if not sites:
        return _DEFAULT_POLICY
    # What is stored under one spelling is ordered under another: both must find the same policy.
    path = without_dots(one_spelling(path))
    best, best_rank = _DEFAULT_POLICY, (-1, -1)
    for site in sites:
        rank = (_host_rank(site.host, host), len(site.prefix))
        if rank[0] >= 0 and path.startswith(one_spelling(site.prefix)) and rank > best_rank:
            best, best_rank = site, rank
    return best


_DEFAULT_POLICY = SitePolicy()


def _host_rank(pattern: str, host: str) -> int:
    if pattern == "*":
        return 0
    if pattern.startswith("*."):
        return len(pattern) if host.endswith(pattern[1:]) else -1
    return 1000 if pattern == host else -1
