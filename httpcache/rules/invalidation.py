"""What an unsafe request makes invalid (RFC 9111 §4.4, RFC 9875 §3)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from httpcache.messages import RequestHead, ResponseHead
from httpcache.rules.cache_key import uri_of_url
from httpcache.rules.storing import strings_of
from httpcache.settings import SitePolicy

SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"))
"""Methods known to be safe (RFC 9110 §9.2.1 and the IANA registry); any other may change something."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def is_invalidating(request: RequestHead, response: ResponseHead) -> bool:
    """Whether the response tells that an unsafe request had an effect: any status of 2xx or 3xx."""
    return request.method not in SAFE and 200 <= response.status < 400


def invalidated_uris(
    request: RequestHead, response: ResponseHead, sites: Sequence[SitePolicy]
) -> tuple[str, ...]:
    """The `uri` of each target to invalidate: the request's own, and Location and Content-Location on its origin."""
    if not is_invalidating(request, response):
        return ()
    own = f"{request.scheme}://{request.authority}"
    urls = [own + request.target]
    for name in ("location", "content-location"):
        value = response.fields.get(name)
        if value and (url := _absolute(value, own, request.target)) is not None:
            urls.append(url)
    uris = (uri_of_url(url, sites) for url in urls)
    return tuple(dict.fromkeys(uri for uri in uris if uri is not None))


def _absolute(reference: str, own: str, target: str) -> str | None:
    """A reference of the same origin as an absolute URL; None when its origin differs or it is no HTTP URL."""
    reference = reference.strip().partition("#")[0]
    if reference.startswith("//"):
        reference = own.partition("//")[0] + reference
    if _SCHEME.match(reference):
        same = reference.lower().startswith(own.lower()) and reference[len(own) : len(own) + 1] in (
            "",
            "/",
            "?",
        )
        return reference if same else None
    if reference.startswith("/"):
        return own + _without_dots(reference)
    path = target.partition("?")[0]
    if reference.startswith("?") or not reference:
        return own + path + reference
    return own + _without_dots(path.rpartition("/")[0] + "/" + reference)


def _without_dots(reference: str) -> str:
    """A path and query without dot segments (RFC 3986 §5.2.4)."""
    path, mark, query = reference.partition("?")
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept) + mark + query


def invalidated_groups(request: RequestHead, response: ResponseHead) -> tuple[str, ...]:
    """The groups that the response to an unsafe request invalidates on its origin (RFC 9875 §3)."""
    if not is_invalidating(request, response):
        return ()
    return strings_of(response.fields.get("cache-group-invalidation"))
