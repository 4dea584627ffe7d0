"""Age and freshness lifetime (RFC 9111 §4.2). All times are Unix seconds, all durations seconds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from httpcache.messages import Fields, StoredResponse
from httpcache.rules.cache_control import GREATEST, parse_seconds
from httpcache.rules.dates import parse_http_date
from httpcache.rules.targeted import Effective, effective_directives
from httpcache.settings import SitePolicy

HEURISTIC_SHARE = 0.1
"""Share of the time since Last-Modified that counts as fresh (RFC 9111 §4.2.2)."""

HEURISTIC_MOST = 7 * 86400.0
"""Longest heuristic lifetime, in seconds."""

CLOCK_STEP = 1.0
"""How far clocks of one machine may differ without having stepped, in seconds."""

HEURISTICALLY_CACHEABLE = frozenset((200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501))
"""Statuses with heuristic freshness unless said otherwise (RFC 9110 §15.1)."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A freshness lifetime, and the token that says where it is from."""

    seconds: float
    source: str


def date_value(fields: Fields, response_time: float) -> float:
    """The Date field, or the time of receipt where it is missing or invalid (RFC 9110 §6.6.1)."""
    parsed = parse_http_date(fields.get("date"), response_time)
    return response_time if parsed is None else parsed


@lru_cache(8192)
def _age(value: str) -> int:
    return parse_seconds(value.split(",", 1)[0].strip(" \t")) or 0


def age_value(fields: Fields) -> int:
    """The Age field: of a list the first member, of anything else than a whole number nothing (RFC 9111 §5.1)."""
    value = fields.get("age")
    return 0 if value is None else _age(value)


def current_age(stored: StoredResponse, now: float) -> float:
    """Seconds since the origin generated or last validated `stored` (RFC 9111 §4.2.3).

    One that will have come only later was stored before a clock stepped back, nobody knows when: it is of any age.
    """
    if stored.response_time > now + CLOCK_STEP:
        return GREATEST
    resident_time = max(0.0, now - stored.response_time)
    # RFC 9111 §1.2.2: others overflow, we do not.
    return min(corrected_initial_age(stored) + resident_time, GREATEST)


def corrected_initial_age(stored: StoredResponse) -> float:
    """The age that a stored response had when it came, in seconds (RFC 9111 §4.2.3)."""
    apparent_age = max(0.0, stored.response_time - date_value(stored.fields, stored.response_time))
    response_delay = max(0.0, stored.response_time - stored.request_time)
    corrected_age_value = age_value(stored.fields) + response_delay
    return max(apparent_age, corrected_age_value)


def freshness_lifetime(
    status: int,
    fields: Fields,
    response_time: float,
    policy: SitePolicy,
    effective: Effective | None = None,
) -> Lifetime:
    """How long a response is fresh (RFC 9111 §4.2.1), within what the operator's policy allows.

    `effective` is what effective_directives says of `fields`, where that is known already.
    """
    effective = effective or effective_directives(fields)
    lifetime = _explicit(effective, fields, response_time)
    if lifetime is None:
        lifetime = _implicit(status, effective, fields, response_time, policy)
    if policy.min_ttl is not None and lifetime.seconds < policy.min_ttl:
        return Lifetime(policy.min_ttl, "min-ttl")
    if policy.max_ttl is not None and lifetime.seconds > policy.max_ttl:
        return Lifetime(policy.max_ttl, "max-ttl")
    return lifetime


def _explicit(effective: Effective, fields: Fields, response_time: float) -> Lifetime | None:
    directives = effective.directives
    prefix = "" if not effective.is_targeted else f"{effective.source}-"
    if directives.s_maxage is not None:
        return Lifetime(directives.s_maxage, f"{prefix}s-maxage")
    if directives.max_age is not None:
        return Lifetime(directives.max_age, f"{prefix}max-age")
    if "expires" in fields and not effective.is_targeted:
        # Several lines, or anything that is no date, are in the past (RFC 9111 §5.3).
        expires = parse_http_date(fields.get("expires"), response_time)
        if expires is None:
            return Lifetime(0, "expires-invalid")
        return Lifetime(max(0.0, expires - date_value(fields, response_time)), "expires")
    return None


def _implicit(
    status: int, effective: Effective, fields: Fields, response_time: float, policy: SitePolicy
) -> Lifetime:
    if status in policy.status_ttl:
        return Lifetime(policy.status_ttl[status], "status-ttl")
    # A guess, the operator's as well as ours, is for statuses defined so and for what is marked public (§4.2.2).
    if not (status in HEURISTICALLY_CACHEABLE or effective.directives.public):
        return Lifetime(0, "none")
    if policy.default_ttl is not None:
        return Lifetime(policy.default_ttl, "default-ttl")
    modified = parse_http_date(fields.get("last-modified"), response_time)
    if modified is None:
        return Lifetime(0, "none")
    since = date_value(fields, response_time) - modified
    return Lifetime(min(max(0.0, since * HEURISTIC_SHARE), HEURISTIC_MOST), "heuristic")


def lifetime_of(stored: StoredResponse, policy: SitePolicy, effective: Effective | None = None) -> Lifetime:
    """The freshness lifetime of a stored response."""
    return freshness_lifetime(stored.status, stored.fields, stored.response_time, policy, effective)


def time_to_live(stored: StoredResponse, now: float, policy: SitePolicy) -> float:
    """Seconds of freshness left; negative once stale (`ttl` of RFC 9211 §2.4)."""
    return lifetime_of(stored, policy).seconds - current_age(stored, now)
