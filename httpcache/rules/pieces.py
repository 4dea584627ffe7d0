"""Pieces: the aligned segments by which a large representation is fetched when only ranges of it are asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from httpcache.messages import Fields, Line, RequestHead, ResponseHead, Span, StoredResponse
from httpcache.rules.combining import completion, decide_storing_part, parse_content_range
from httpcache.rules.decisions import DoNotStore, NotStoredReason, Store
from httpcache.rules.fields import parse_entity_tag
from httpcache.rules.partial import missing
from httpcache.rules.ranges import Ranges, asked_spans, decide_range
from httpcache.settings import SitePolicy


def aligned(at: int, size: int, length: int | None = None) -> Span:
    """The segment of `size` bytes that octet `at` is in; the last one ends with the representation."""
    first = at - at % size
    return first, first + size if length is None else min(first + size, length)


def first_piece(request: RequestHead, size: int) -> Span | None:
    """The segment to begin with where nothing is known of a representation; None where no range is asked for.

    The one with the first octet asked for; the very first where that depends on the length.
    """
    spans = asked_spans(request)
    if request.method != "GET" or not spans:
        return None
    return aligned(min(0 if first is None else first for first in spans), size)


def next_piece(request: RequestHead, stored: StoredResponse, size: int, now: float) -> Span:
    """The segment to ask for first, of a representation of which a part is held, so that `request` can be answered.

    The first that lacks octets that are asked for; where all are held, the first that has some of them: it is what a
    validation would bring if the representation has changed. `now` is Unix seconds.
    """
    form = stored.forms[0]
    length = form.length or 0
    decision = decide_range(request, stored.head, length, now)
    spans = decision.spans if isinstance(decision, Ranges) else ((0, length),)
    gaps = [gap for span in spans for gap in missing(form, span)]
    return aligned(gaps[0][0] if gaps else spans[0][0], size, length)


def piece_fields(piece: Span, held: StoredResponse | None) -> tuple[Line, ...]:
    """The fields that ask for a segment: of the representation that is held in part, or of whatever there is."""
    lines = completion(held.fields, piece) if held is not None else ()
    return lines or (("Range", f"bytes={piece[0]}-{piece[1] - 1}"),)


def is_strong(fields: Fields) -> bool:
    """Whether the entity tag tells any two representations apart (RFC 9110 §8.8.1)."""
    tag = parse_entity_tag(fields.get("etag"))
    return tag is not None and not tag.weak


def is_buildable(stored: StoredResponse) -> bool:
    """Whether pieces can be added to what is held: only a strong entity tag tells that they belong together."""
    return bool(stored.forms and stored.forms[0].length and is_strong(stored.fields))


@dataclass(frozen=True, slots=True)
class KeepPiece:
    """The octets of a 206 are a whole aligned segment, or all of a small representation: store them."""

    store: Store
    span: Span
    length: int

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the representation."""
        return self.span == (0, self.length)


@dataclass(frozen=True, slots=True)
class FetchWhole:
    """The pieces could not be told to belong together, but the whole is small: ask for that instead."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest representation that is stored, and the largest that is fetched whole without a strong entity tag.

    Both in bytes. Where nothing is built out of pieces (in RAM alone), any that is stored is fetched whole.
    """

    largest: int
    whole_up_to: int
    builds: bool = True


PieceDecision = KeepPiece | FetchWhole | DoNotStore


def decide_piece(
    request: RequestHead,
    piece: Span,
    response: ResponseHead,
    response_time: float,
    policy: SitePolicy,
    limits: Limits,
) -> PieceDecision:
    """Decide on the 206 that came for an aligned segment; `response_time` is Unix seconds."""
    told = parse_content_range(response.fields.get("content-range"))
    if told is None or told.span != (piece[0], min(piece[1], told.length)):
        return DoNotStore(NotStoredReason.PARTIAL)
    asked = replace(request, fields=request.fields.replacing("Range", f"bytes={piece[0]}-{piece[1] - 1}"))
    decision = decide_storing_part(asked, response, response_time, policy)
    if isinstance(decision, DoNotStore):
        return decision
    if decision.length > limits.largest:
        return DoNotStore(NotStoredReason.TOO_LARGE)
    kept = KeepPiece(decision.store, decision.span, decision.length)
    if kept.is_whole or (limits.builds and is_strong(response.fields)):
        return kept
    return (
        FetchWhole()
        if not limits.builds or kept.length <= limits.whole_up_to
        else DoNotStore(NotStoredReason.NO_STRONG_VALIDATOR)
    )


@dataclass(frozen=True, slots=True)
class PartOfPiece:
    """Octets `span` of a representation of `length`, out of a response whose octets begin with `sent_from`."""

    span: Span
    length: int
    sent_from: int


def part_of_piece(request: RequestHead, response: ResponseHead, now: float) -> PartOfPiece | None:
    """What a GET asks for, where the 206 that came for a piece has all of it in one run; `now` is Unix seconds.

    None too where the request has conditions: they are evaluated by whoever sees the whole.
    """
    told = parse_content_range(response.fields.get("content-range"))
    if told is None or any(name in request.fields for name in ("if-none-match", "if-modified-since")):
        return None
    decision = decide_range(request, replace(response, status=200), told.length, now)
    if not isinstance(decision, Ranges) or len(decision.spans) != 1:
        return None
    span = decision.spans[0]
    if not (told.span[0] <= span[0] and span[1] <= told.span[1]):
        return None
    return PartOfPiece(span, told.length, told.span[0])
