"""Byte ranges (RFC 9110 §14): what a Range field asks of a representation, and the parts of a multipart answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from httpcache.messages import RequestHead, ResponseHead, Span
from httpcache.rules.dates import parse_http_date
from httpcache.rules.fields import parse_entity_tag

MOST_RANGES = 32
"""Ranges in one request; with more the field is ignored (RFC 9110 §14.2)."""

_SPECS = re.compile(r"bytes\s*=\s*(.+)", re.IGNORECASE | re.ASCII)
_SPEC = re.compile(r"(\d{0,18})\s*-\s*(\d{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ranges:
    """The spans to send, at least one, in the order asked for."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """Send everything: no range was asked for, or the field is to be ignored."""


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """None of the ranges overlaps the representation: 416 (RFC 9110 §15.5.17)."""


RangeDecision = Ranges | Whole | Unsatisfiable


def decide_range(request: RequestHead, head: ResponseHead, length: int | None, now: float) -> RangeDecision:
    """What of a representation of `length` bytes is asked for; `head` is the selected form's."""
    value = request.fields.get("range")
    if value is None or request.method != "GET" or head.status != 200 or length is None:
        return Whole()
    match = _SPECS.fullmatch(value.strip())
    if match is None or not _if_range_holds(request, head, now):
        return Whole()
    spans = _spans(match[1], length)
    if spans is None:
        return Whole()
    if not spans:
        return Unsatisfiable()
    merged = _without_overlaps(spans)
    if len(merged) > MOST_RANGES or sum(end - first for first, end in merged) > length:
        return Whole()
    return Ranges(merged)


def _spans(text: str, length: int) -> list[Span] | None:
    """The satisfiable spans; None when the field is not valid or asks for too many."""
    specs = [one.strip() for one in text.split(",") if one.strip()]
    if not specs or len(specs) > 4 * MOST_RANGES:
        return None
    spans: list[Span] = []
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if match is None or not (match[1] or match[2]):
            return None
        if not match[1]:
            suffix = int(match[2])
            span = (max(0, length - suffix), length)
        else:
            first = int(match[1])
            last = int(match[2]) if match[2] else length - 1
            if match[2] and last < first:
                return None
            span = (first, min(last + 1, length))
        if span[0] < span[1]:
            spans.append(span)
    return spans


def _without_overlaps(spans: list[Span]) -> tuple[Span, ...]:
    """Spans that overlap or touch become one, at the place of the first of them (RFC 9110 §15.3.7.2)."""
    groups: list[tuple[Span, int]] = []
    for (first, end), place in sorted(zip(spans, range(len(spans)), strict=True)):
        if groups and first <= groups[-1][0][1]:
            (before, so_far), earliest = groups[-1]
            groups[-1] = ((before, max(so_far, end)), min(earliest, place))
        else:
            groups.append(((first, end), place))
    return tuple(span for span, _ in sorted(groups, key=lambda group: group[1]))


def _if_range_holds(request: RequestHead, head: ResponseHead, now: float) -> bool:
    """Whether If-Range, where it is present, names this very representation (RFC 9110 §13.1.5)."""
    value = request.fields.get("if-range")
    if value is None:
        return True
    tag = parse_entity_tag(value)
    if tag is not None:
        own = parse_entity_tag(head.fields.get("etag"))
        return own is not None and tag.matches_strongly(own)
    date, modified = parse_http_date(value, now), parse_http_date(head.fields.get("last-modified"), now)
    made = parse_http_date(head.fields.get("date"), now)
    # A date is a strong validator only when it is a second older than the response (RFC 9110 §8.8.2.2).
    return date is not None and date == modified and made is not None and made - modified >= 1


def content_range(span: Span, length: int) -> str:
    """Content-Range of one span (RFC 9110 §14.4)."""
    return f"bytes {span[0]}-{span[1] - 1}/{length}"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart/byteranges content: what stands before its octets, and which octets (None: the end)."""

    before: bytes
    span: Span | None


def multipart(
    spans: tuple[Span, ...], length: int, content_type: str | None, boundary: str
) -> tuple[tuple[Part, ...], int]:
    """The parts of a multipart/byteranges content and its whole length in bytes (RFC 9110 §14.6)."""
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    parts = [
        Part(f"\r\n--{boundary}\r\n{kind}Content-Range: {content_range(span, length)}\r\n\r\n".encode(), span)
        for span in spans
    ]
    parts.append(Part(f"\r\n--{boundary}--\r\n".encode(), None))
    octets = sum(len(part.before) for part in parts) + sum(end - first for first, end in spans)
    return tuple(parts), octets
