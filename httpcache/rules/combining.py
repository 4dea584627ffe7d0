"""Storing a 206, adding it to what is held of the same representation, asking for the rest (RFC 9111 §3.3, §3.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from httpcache.messages import Fields, Line, RequestHead, ResponseHead, Span, StoredResponse
from httpcache.rules.decisions import DoNotStore, NotStoredReason, PartDecision, StorePart
from httpcache.rules.fields import parse_entity_tag
from httpcache.rules.partial import merged
from httpcache.rules.storing import decide_storing
from httpcache.rules.validation import freshen
from httpcache.settings import SitePolicy

_CONTENT_RANGE = re.compile(r"bytes[ \t]+(\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ContentRange:
    """Which octets a 206 carries, and how many the whole has, in bytes."""

    span: Span
    length: int


def parse_content_range(value: str | None) -> ContentRange | None:
    """A Content-Range of bytes with a known length (RFC 9110 §14.4); None for any other text."""
    match = _CONTENT_RANGE.fullmatch(value.strip(" \t")) if value else None
    if match is None:
        return None
    first, last, length = int(match[1]), int(match[2]), int(match[3])
    return ContentRange((first, last + 1), length) if first <= last < length else None


def decide_storing_part(
    request: RequestHead, response: ResponseHead, response_time: float, policy: SitePolicy
) -> PartDecision:
    """Decide on a 206 to a GET; `response_time` is Unix seconds.

    It is stored as if it were an incomplete 200: with the length of the whole, without Content-Range. One of several
    ranges, of another unit or of unknown length is not: nothing here could tell what of it answers what.
    """
    part = parse_content_range(response.fields.get("content-range"))
    if response.status != 206 or part is None or "range" not in request.fields:
        return DoNotStore(NotStoredReason.PARTIAL)
    fields = response.fields.without({"content-range"}).replacing("Content-Length", str(part.length))
    decision = decide_storing(request, replace(response, status=200, fields=fields), response_time, policy)
    if isinstance(decision, DoNotStore):
        return decision
    return StorePart(decision, part.span, part.length)


def combine(
    stored: StoredResponse, response: ResponseHead, request_time: float, response_time: float
) -> StoredResponse | None:
    """`stored` with the octets of a 206 added and its fields updated; None when they may not be put together.

    They may where both have the same strong entity tag and length (RFC 9111 §3.4). Last-Modified alone is not taken
    for a strong validator: two versions within a second would be mixed. The octets go to the same body.
    """
    part, form = parse_content_range(response.fields.get("content-range")), stored.forms[0]
    ours, theirs = (parse_entity_tag(fields.get("etag")) for fields in (stored.fields, response.fields))
    if response.status != 206 or part is None or part.length != form.length:
        return None
    if ours is None or theirs is None or not ours.matches_strongly(theirs):
        return None
    updated = freshen(stored, response, request_time, response_time)
    held = replace(form, held=merged((*form.held, part.span)))
    return replace(updated, forms=(held, *stored.forms[1:]))


def completion(fields: Fields, gap: Span) -> tuple[Line, ...]:
    """The fields that ask for one missing run of what came with `fields`, if it is still that.

    None without a strong entity tag, for nothing else tells.
    """
    tag = parse_entity_tag(fields.get("etag"))
    if tag is None or tag.weak:
        return ()
    return ("Range", f"bytes={gap[0]}-{gap[1] - 1}"), ("If-Range", str(tag))


def is_rest(fields: Fields, length: int, span: Span, response: ResponseHead) -> bool:
    """Whether a 206 carries the octets `span` of the very representation of `length` bytes that `fields` came with."""
    part = parse_content_range(response.fields.get("content-range"))
    ours, theirs = (parse_entity_tag(one.get("etag")) for one in (fields, response.fields))
    if response.status != 206 or part != ContentRange(span, length) or ours is None or theirs is None:
        return False
    return ours.matches_strongly(theirs)
