"""Validating stored responses, freshening them, and what to do when the next hop fails (RFC 9111 §4.3, RFC 5861)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from httpcache.messages import Fields, Line, RequestHead, ResponseHead, StoredResponse
from httpcache.rules.cache_control import (
    parse_request_directives,
    stale_is_prohibited,
    storing_is_prohibited,
)
from httpcache.rules.dates import parse_http_date
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
from httpcache.rules.partial import answers_from_part, is_partial
from httpcache.rules.storing import cache_groups, dated, purge_tags, unshared_lines, unshared_names
from httpcache.rules.targeted import effective_directives
from httpcache.rules.vary import matches, vary_names
from httpcache.settings import SitePolicy

NEVER_UPDATED = frozenset(("content-encoding", "content-length", "content-range", "set-cookie"))
"""Fields of a 304, 206 or HEAD that do not update a stored response (RFC 9111 §3.2).

Content-Length by its words; Content-Range as removed by the recipient; Content-Encoding as the forms that were made
here depend on it; Set-Cookie as this cache stores none. Content-Type and all others are updated.
"""

FAILURES = frozenset((500, 502, 503, 504))
"""Statuses for which stale-if-error holds (RFC 5861 §4)."""


def conditions(stored: Sequence[StoredResponse]) -> tuple[Line, ...]:
    """The fields that make a request ask whether `stored` are still good (RFC 9111 §4.3.1)."""
    lines: list[Line] = []
    tags = [str(tag) for one in stored if (tag := parse_entity_tag(one.fields.get("etag"))) is not None]
    if not tags and len(stored) == 1 and (text := stored[0].fields.get("etag")):
        tags = [text]  # no entity tag, but all that its server gave us, and may know again
    if tags:
        lines.append(("If-None-Match", ", ".join(dict.fromkeys(tags))))
    modified = stored[0].fields.get("last-modified") if len(stored) == 1 else None
    if modified is not None and parse_http_date(modified, stored[0].response_time) is not None:
        lines.append(("If-Modified-Since", modified))
    return tuple(lines)


def decide_validation(
    request: RequestHead,
    stored: tuple[StoredResponse, ...],
    response: ResponseHead,
    request_time: float,
    response_time: float,
    policy: SitePolicy,
    standing: Standing = Standing.GOOD,
) -> ValidationOutcome:
    """What the answer to a conditional request means (RFC 9111 §4.3.3).

    `stored[0]` is the one selected, `standing` where it stands.
    """
    if response.status == 304:
        identified = _identified(request, stored, response.fields)
        if not identified or not _may_update(identified[0], response.fields):
            return AskAgain()
        fresh = tuple(freshen(one, response, request_time, response_time) for one in identified)
        return Freshened(
            fresh, unshared_lines(response.fields, effective_directives(fresh[0].fields).directives)
        )
    if response.status in FAILURES:
        return decide_failure(request, Candidate(stored[0], standing), response_time, policy)
    return UseFull()


def _identified(
    request: RequestHead, stored: Sequence[StoredResponse], fields: Fields
) -> list[StoredResponse]:
    """The stored responses that a 304 updates (RFC 9111 §4.3.4), the one to answer with first.

    A strong entity tag names one representation of the resource, whatever request it was selected by; a weak one or a
    date may be that of several variants, so only those that this request could have chosen are named by it.
    """
    tag = parse_entity_tag(fields.get("etag"))
    tagged = [(one, own) for one in stored if (own := parse_entity_tag(one.fields.get("etag"))) is not None]
    if tag is not None and not tag.weak:
        return [one for one, own in tagged if tag.matches_strongly(own)]
    if tag is not None:
        weakly = [one for one, own in tagged if tag.matches_weakly(own)]
        return _most_recent([one for one in weakly if matches(one, request.fields)])
    modified = fields.get("last-modified")
    if modified is not None:
        same = [one for one in stored if one.fields.get("last-modified") == modified]
        return _most_recent([one for one in same if matches(one, request.fields)])
    # §4.3.4 identifies one that lacks a validator, too. Many servers leave the validators out of a 304, though; where
    # only one was asked about, by the validators that it has, the answer can mean no other (§4.3.3).
    return list(stored) if len(stored) == 1 else []


def _may_update(stored: StoredResponse, fields: Fields) -> bool:
    """Whether what a 304 says can be stored with the response that it identifies.

    Where it says no-store or private, nothing of it may be stored (RFC 9111 §5.2.2.5). Where it varies by other fields
    than the stored response was selected by, nobody knows for which requests the stored one would be right (§4.1).
    """
    if storing_is_prohibited(effective_directives(fields).directives):
        return False
    names = vary_names(fields) if "vary" in fields else tuple(name for name, _ in stored.selecting)
    return names is not None and set(names) <= {name for name, _ in stored.selecting}


def _most_recent(stored: list[StoredResponse]) -> list[StoredResponse]:
    return sorted(stored, key=lambda one: date_value(one.fields, one.response_time), reverse=True)[:1]


def freshen(
    stored: StoredResponse, response: ResponseHead, request_time: float, response_time: float
) -> StoredResponse:
    """`stored` with the fields of a 304 or HEAD in the place of its own (RFC 9111 §3.2), and its new times."""
    new = dated(without_hop_by_hop(response.fields).without(NEVER_UPDATED), response_time)
    replaced = new.names() | {"age"}  # the age of what was validated before says nothing any more
    fields = Fields((*(line for line in stored.fields if line[0].lower() not in replaced), *new.lines))
    return replace(
        stored,
        fields=fields.without(unshared_names(effective_directives(fields).directives)),
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
    if storing_is_prohibited(effective_directives(response.fields).directives):
        return None
    if "vary" in response.fields and vary_names(response.fields) != vary_names(stored.fields):
        return None
    length = stored.forms[0].length if stored.forms else None
    told = response.fields.get("content-length")
    agrees = all(
        response.fields.get(name) in (None, stored.fields.get(name)) for name in ("etag", "last-modified")
    ) and (told is None or told.strip() == str(length))
    return freshen(stored, response, request_time, response_time) if agrees else None


def decide_failure(
    request: RequestHead, candidate: Candidate | None, now: float, policy: SitePolicy
) -> ServeStale | PassFailure:
    """Whether a stored response stands in for a next hop that failed (RFC 9111 §4.2.4, RFC 5861 §4).

    One that was purged softly does for stale-if-error alone; one invalidated, unproven or gone never does.
    """
    if candidate is None or candidate.standing not in (
        Standing.GOOD,
        Standing.TOLERATED,
        Standing.SOFT,
    ):
        return PassFailure()
    stored = candidate.stored
    directives, asked = (
        effective_directives(stored.fields).directives,
        parse_request_directives(request.fields),
    )
    if stale_is_prohibited(directives) or storing_is_prohibited(directives) or asked.no_cache:
        return PassFailure()
    if is_partial(stored) and not answers_from_part(request, stored, now):
        return PassFailure()
    age = current_age(stored, now)
    left = lifetime_of(stored, policy).seconds - age
    windows = (directives.stale_if_error, asked.stale_if_error)
    permitted = any(window is not None and -left < window for window in windows)
    if candidate.standing is not Standing.SOFT:
        permitted = permitted or left > 0 or (asked.max_stale is not None and -left <= asked.max_stale)
    if not permitted:
        return PassFailure()
    ttl = int(left) if left > 0 else min(-1, int(left))
    return ServeStale(Reuse(stored, int(age), ttl, detail="stale-if-error"))
