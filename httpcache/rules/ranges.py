"""Byte ranges (RFC 9110 §14): what a Range field asks of a representation, and the parts of a multipart answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from httpcache.messages import RequestHead, ResponseHead, Span
from httpcache.rules.dates import parse_http_date
from httpcache.rules.fields import parse_entity_tag

MOST_RANGES = 32
"""Ranges in one request; with more the field is ignored (RFC 9110 §14.2)."""

_BYTES = re.compile(r"bytes=(.*)", re.IGNORECASE | re.DOTALL)
_SPEC = re.compile(r"(\d*)-(\d*)", re.ASCII)
_FARTHEST = 10**18
"""What a position of more digits counts as: beyond any body, and no overflow (RFC 9110 §14.1.2)."""


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
    """What of a representation of `length` bytes is asked for; `head` is the selected form's, `now` Unix seconds.

    A Range counts with GET alone, where the answer would be a 200 (§14.2). It is ignored where it is of another unit
    or not valid, where it asks for too many ranges (§17.15), and where there are no octets to choose from.
    """
    value = request.fields.get("range")
    if value is None or request.method != "GET" or head.status != 200 or not length:
        return Whole()
    match = _BYTES.fullmatch(value.strip(" \t"))
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


def asked_spans(request: RequestHead) -> tuple[int | None, ...]:
    """The first position of each range that is asked for, None where the end is what counts; empty without a valid one.

    What can be told of a Range field before the length is known.
    """
    value = request.fields.get("range")
    match = _BYTES.fullmatch(value.strip(" \t")) if value else None
    if match is None or _spans(match[1], _FARTHEST) is None:
        return ()
    specs = [one for part in match[1].split(",") if (one := part.strip(" \t"))]
    return tuple(_position(one.split("-")[0]) if one[0] != "-" else None for one in specs)


def _spans(text: str, length: int) -> list[Span] | None:
    """The satisfiable spans, cut to the length; None when a range is not valid or there are too many."""
    specs = [one for part in text.split(",") if (one := part.strip(" \t"))]
    if not specs or len(specs) > 4 * MOST_RANGES:
        return None
    spans: list[Span] = []
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if match is None or spec == "-":
            return None
        if not match[1]:
            span = (max(0, length - _position(match[2])), length)
        else:
            first, last = _position(match[1]), _position(match[2]) if match[2] else _FARTHEST
            if last < first:
                return None
            span = (first, min(last + 1, length))
        if span[0] < span[1]:
            spans.append(span)
    return spans


def _position(digits: str) -> int:
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= 18 else _FARTHEST


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
    """The parts of a multipart/byteranges content and its whole length in bytes (RFC 9110 §14.6).

    Each part tells its own Content-Range, and the Content-Type that a 200 would have had (§15.3.7.2).
    """
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    before = f"\r\n--{boundary}\r\n{kind}Content-Range: ".encode("utf-8", "surrogateescape")
    parts = [Part(before + f"{content_range(span, length)}\r\n\r\n".encode(), span) for span in spans]
    parts.append(Part(f"\r\n--{boundary}--\r\n".encode(), None))
    octets = sum(len(part.before) for part in parts) + sum(end - first for first, end in spans)
    return tuple(parts), octets
