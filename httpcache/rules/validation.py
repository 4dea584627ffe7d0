"""Validating stored responses, freshening them, and what to do when the next hop fails (RFC 9111 §4.3, RFC 5861)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from httpcache.messages import Fields, Line, RequestHead, ResponseHead, StoredResponse
from httpcache.rules.cache_control import parse_request_directives
from httpcache.rules.decisions import (
    AskAgain,
    Candidate,
    Freshened,
    PassFailure,
    Reuse,
    ServeStale,
    Standing,
    UseFull,
    ValidationOutcome,
)
from httpcache.rules.fields import parse_entity_tag
from httpcache.rules.forwarding import without_hop_by_hop
from httpcache.rules.freshness import current_age, date_value, lifetime_of
from httpcache.rules.reuse import stale_is_prohibited
from httpcache.rules.storing import cache_groups, purge_tags
from httpcache.rules.targeted import effective_directives
from httpcache.settings import SitePolicy

NEVER_UPDATED = frozenset(
    ("content-encoding", "content-length", "content-range", "content-type", "transfer-encoding")
)
"""Fields of a 304 that describe a content it does not carry (RFC 9111 §3.2)."""

FAILURES = frozenset((500, 502, 503, 504))
"""Statuses for which stale-if-error holds (RFC 5861 §4)."""


def conditions(stored: Sequence[StoredResponse]) -> tuple[Line, ...]:
    """The fields that make a request ask whether `stored` are still good (RFC 9111 §4.3.1)."""
    lines: list[Line] = []
    tags = [tag for one in stored if (tag := one.fields.get("etag"))]
    if tags:
        lines.append(("If-None-Match", ", ".join(dict.fromkeys(tags))))
    if len(stored) == 1 and (modified := stored[0].fields.get("last-modified")):
        lines.append(("If-Modified-Since", modified))
    return tuple(lines)


def decide_validation(
    request: RequestHead,
    stored: tuple[StoredResponse, ...],
    response: ResponseHead,
    request_time: float,
    response_time: float,
    policy: SitePolicy,
) -> ValidationOutcome:
    """What the answer to a conditional request means (RFC 9111 §4.3.3); `stored[0]` is the one selected."""
    if response.status == 304:
        identified = _identified(stored, response.fields)
        if not identified:
            return AskAgain()
        return Freshened(tuple(freshen(one, response, request_time, response_time) for one in identified))
    if response.status in FAILURES:
        return decide_failure(request, Candidate(stored[0]), response_time, policy)
    return UseFull()


def _identified(stored: Sequence[StoredResponse], fields: Fields) -> list[StoredResponse]:
    """The stored responses that a 304 updates (RFC 9111 §4.3.4), the one to answer with first."""
    tag = parse_entity_tag(fields.get("etag"))
    tagged = [(one, parse_entity_tag(one.fields.get("etag"))) for one in stored]
    if tag is not None and not tag.weak:
        return [one for one, own in tagged if own is not None and tag.matches_strongly(own)]
    if tag is not None:
        return _most_recent([one for one, own in tagged if own is not None and tag.matches_weakly(own)])
    modified = fields.get("last-modified")
    if modified is not None:
        return _most_recent([one for one in stored if one.fields.get("last-modified") == modified])
    # A 304 without validators: many servers leave them out. Where only one was asked about, it can mean no other.
    return list(stored) if len(stored) == 1 else []


def _most_recent(stored: list[StoredResponse]) -> list[StoredResponse]:
    return sorted(stored, key=lambda one: date_value(one.fields, one.response_time), reverse=True)[:1]


def freshen(
    stored: StoredResponse, response: ResponseHead, request_time: float, response_time: float
) -> StoredResponse:
    """`stored` with the fields of a 304 or HEAD in the place of its own (RFC 9111 §3.2), and its new times."""
    new = without_hop_by_hop(response.fields).without(NEVER_UPDATED)
    # A Via or Cache-Status of the validating request says nothing of how the content came here.
    replaced = new.names() | {"age"}
    fields = Fields((*(line for line in stored.fields if line[0].lower() not in replaced), *new.lines))
    directives = effective_directives(fields).directives
    named = directives.no_cache_fields | directives.private_fields
    return replace(
        stored,
        fields=fields.without(named) if named else fields,
        request_time=request_time,
        response_time=response_time,
        tags=purge_tags(fields),
        groups=cache_groups(fields),
    )


def freshen_by_head(
    stored: StoredResponse, response: ResponseHead, request_time: float, response_time: float
) -> StoredResponse | None:
    """What a HEAD makes of a stored GET (RFC 9111 §4.3.5): updated, None when it is to be invalid, or as it was."""
    if response.status != 200:
        return stored
    length = stored.forms[0].length if stored.forms else None
    told = response.fields.get("content-length")
    agrees = all(
        response.fields.get(name) in (None, stored.fields.get(name)) for name in ("etag", "last-modified")
    ) and (told is None or told.strip() == str(length))
    return freshen(stored, response, request_time, response_time) if agrees else None


def decide_failure(
    request: RequestHead, candidate: Candidate | None, now: float, policy: SitePolicy
) -> ServeStale | PassFailure:
    """Whether a stored response stands in for a next hop that failed (RFC 9111 §4.2.4, RFC 5861 §4)."""
    if candidate is None or candidate.standing not in (Standing.GOOD, Standing.SOFT):
        return PassFailure()
    stored = candidate.stored
    directives, asked = (
        effective_directives(stored.fields).directives,
        parse_request_directives(request.fields),
    )
    if stored.status == 206 or stale_is_prohibited(directives) or asked.no_cache:
        return PassFailure()
    age = current_age(stored, now)
    left = lifetime_of(stored, policy).seconds - age
    windows = [
        one for one in (directives.stale_if_error, asked.stale_if_error, asked.max_stale) if one is not None
    ]
    if left > 0 or any(-left < window for window in windows):
        return ServeStale(
            Reuse(stored, int(age), int(left) if left > 0 else min(-1, int(left)), detail="stale-if-error")
        )
    return PassFailure()
