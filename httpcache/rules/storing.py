"""Whether and how a response is stored (RFC 9111 §3)."""

from __future__ import annotations

import re

import http_sf

from httpcache.messages import Fields, Line, RequestHead, ResponseHead
from httpcache.rules.cache_control import (
    ResponseDirectives,
    parse_request_directives,
    stale_is_prohibited,
    storing_is_prohibited,
)
from httpcache.rules.dates import format_http_date, parse_http_date
from httpcache.rules.decisions import DoNotStore, NotStoredReason, Store, StoringDecision
from httpcache.rules.fields import split_list
from httpcache.rules.forwarding import without_hop_by_hop
from httpcache.rules.freshness import HEURISTICALLY_CACHEABLE, freshness_lifetime
from httpcache.rules.references import same_origin_url
from httpcache.rules.targeted import Effective, effective_directives
from httpcache.rules.vary import selecting_fields, vary_names
from httpcache.settings import SitePolicy

UNDERSTOOD = HEURISTICALLY_CACHEABLE | {302, 303, 307, 400, 401, 403, 409, 418, 421, 422, 423, 424, 425, 426, 428, 429,
                                        431, 451, 500, 502, 503, 504, 505, 506, 507, 508, 510, 511}  # fmt: skip
"""Statuses whose caching requirements this cache implements, for must-understand (RFC 9111 §5.2.2.3)."""

NEVER = frozenset((206, 304))
"""Statuses that are no whole response of their own: a 206 is stored as a part (see combining.py), a 304 freshens."""


def decide_storing(
    request: RequestHead, response: ResponseHead, response_time: float, policy: SitePolicy
) -> StoringDecision:
    """Decide on the response to a request; `response_time` is Unix seconds."""
    effective = effective_directives(response.fields)
    names = vary_names(response.fields)
    reason = (
        _refused_by_request(request, response, policy)
        or _refused_by_response(response, effective, names)
        or _refused_by_credentials(request, response, effective, policy)
        or _refused_for_use(response, effective, response_time, policy)
    )
    if reason is not None:
        return DoNotStore(reason)
    return Store(
        stored_fields(dated(response.fields, response_time), effective.directives),
        selecting_fields(request.fields, names or ()),
        purge_tags(response.fields),
        cache_groups(response.fields),
        unshared_lines(response.fields, effective.directives),
    )


def _refused_by_request(
    request: RequestHead, response: ResponseHead, policy: SitePolicy
) -> NotStoredReason | None:
    if policy.bypass:
        return NotStoredReason.BYPASS
    if request.method != "GET" and not _answers_later_gets(request, response):
        return NotStoredReason.METHOD
    if parse_request_directives(request.fields).no_store:
        return NotStoredReason.REQUEST_NO_STORE
    if response.status == 206:
        return NotStoredReason.PARTIAL
    return NotStoredReason.STATUS if response.status < 200 or response.status in NEVER else None


def _answers_later_gets(request: RequestHead, response: ResponseHead) -> bool:
    """Whether a POST's response is what a GET would get: explicitly fresh, and located at the target (9110 §9.3.3).

    Content-Location says so in a 2xx alone (9110 §8.7); of these, only a 200 is what a GET would get. A HEAD's
    response is not stored: it may be (§9.3.2), but freshens or invalidates the stored GET instead (9111 §4.3.5).
    """
    location = response.fields.get("content-location")
    if request.method != "POST" or response.status != 200 or location is None:
        return False
    if same_origin_url(location, request) != request.uri:
        return False
    effective = effective_directives(response.fields)
    given = effective.directives.max_age, effective.directives.s_maxage
    return given != (None, None) or ("expires" in response.fields and not effective.is_targeted)


def _refused_by_response(
    response: ResponseHead, effective: Effective, names: tuple[str, ...] | None
) -> NotStoredReason | None:
    directives = effective.directives
    if directives.must_understand and response.status not in UNDERSTOOD:
        return NotStoredReason.STATUS
    if storing_is_prohibited(directives):
        return NotStoredReason.PRIVATE if directives.private else NotStoredReason.NO_STORE
    return NotStoredReason.VARY_STAR if names is None else None


def _refused_by_credentials(
    request: RequestHead, response: ResponseHead, effective: Effective, policy: SitePolicy
) -> NotStoredReason | None:
    directives = effective.directives
    if "authorization" in request.fields and not (
        directives.public or directives.s_maxage is not None or directives.must_revalidate
    ):
        return NotStoredReason.AUTHORIZATION  # RFC 9111 §3.5
    if "set-cookie" in response.fields:
        targeted = effective.is_targeted and directives.max_age is not None
        shared = directives.public or directives.s_maxage is not None or targeted
        if not shared or policy.set_cookie == "refuse":
            return NotStoredReason.SET_COOKIE
    return None


def _refused_for_use(
    response: ResponseHead, effective: Effective, response_time: float, policy: SitePolicy
) -> NotStoredReason | None:
    """The last requirement of §3, and ours: what can be neither fresh nor validated is of no use stored."""
    directives, fields = effective.directives, response.fields
    explicit = directives.max_age is not None or directives.s_maxage is not None
    explicit = explicit or ("expires" in fields and not effective.is_targeted)
    by_policy = response.status in policy.status_ttl
    if not (directives.public or explicit or by_policy or response.status in HEURISTICALLY_CACHEABLE):
        return NotStoredReason.STATUS
    if has_validator(fields, response_time):
        return None
    if directives.no_cache:
        return NotStoredReason.NO_FRESHNESS_NOR_VALIDATOR  # fresh or not, it would be validated every time
    if freshness_lifetime(response.status, fields, response_time, policy, effective).seconds > 0:
        return None
    has_window = bool(directives.stale_while_revalidate or directives.stale_if_error)
    if has_window and not stale_is_prohibited(directives):
        return None
    return NotStoredReason.NO_FRESHNESS_NOR_VALIDATOR


def has_validator(fields: Fields, now: float) -> bool:
    """Whether a response can be validated: an ETag, or a Last-Modified that is a date (RFC 9110 §8.8)."""
    return bool(fields.get("etag")) or parse_http_date(fields.get("last-modified"), now) is not None


def dated(fields: Fields, response_time: float) -> Fields:
    """The fields with the time of receipt as Date, where that is missing or is none (RFC 9110 §6.6.1)."""
    if parse_http_date(fields.get("date"), response_time) is not None:
        return fields
    return fields.replacing("Date", format_http_date(response_time))


def stored_fields(fields: Fields, directives: ResponseDirectives) -> Fields:
    """All fields but those of the connection, of the proxy, and those the directives name (RFC 9111 §3.1)."""
    return without_hop_by_hop(fields).without(unshared_names(directives))


_UNSHARED = frozenset({"set-cookie"})


def unshared_names(directives: ResponseDirectives) -> frozenset[str]:
    """Names of fields that are not stored: a response with Set-Cookie is never stored with it, and those named."""
    return directives.no_cache_fields | directives.private_fields | _UNSHARED


def unshared_lines(fields: Fields, directives: ResponseDirectives) -> tuple[Line, ...]:
    """What is not stored of a response, and still goes to the client whose request brought it (RFC 9111 §5.2.2.7)."""
    names = unshared_names(directives)
    if names.isdisjoint(fields.names()):
        return ()
    return tuple(line for line in without_hop_by_hop(fields) if line[0].lower() in names)


_BETWEEN_KEYS = re.compile(r"[ \t,]+")


def purge_tags(fields: Fields) -> tuple[str, ...]:
    """The origin's purge tags: Surrogate-Key by spaces and tabs, Cache-Tag by commas; each once, in order."""
    keys, listed = fields.get("surrogate-key"), fields.get("cache-tag")
    if keys is None and listed is None:
        return ()
    tags = [tag for tag in _BETWEEN_KEYS.split(keys or "") if tag]
    tags += [tag.strip(" \t") for tag in split_list(listed or "")]
    return tuple(dict.fromkeys(tags))


def cache_groups(fields: Fields) -> tuple[str, ...]:
    """The groups of a response (RFC 9875 §2): a List of Strings; anything else is ignored."""
    return strings_of(fields.get("cache-groups"))


def strings_of(value: str | None) -> tuple[str, ...]:
    """The Strings of a structured List; none when it is no such list."""
    if value is None:
        return ()
    try:
        members = http_sf.parse(value.encode("utf-8", "surrogateescape"), tltype="list")
    except (http_sf.StructuredFieldError, ValueError):
        return ()
    bare = [one[0] if isinstance(one, tuple) else one for one in members] if isinstance(members, list) else []
    return tuple(one for one in bare if isinstance(one, str) and not isinstance(one, http_sf.Token))
