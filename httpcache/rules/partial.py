"""Stored responses that are held in part: which octets they have, lack, and answer with (RFC 9111 §3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from httpcache.messages import Form, RequestHead, Span, StoredResponse
from httpcache.rules.ranges import Ranges, decide_range


def is_partial(stored: StoredResponse) -> bool:
    """Whether only a part of the content is held. One that is still arriving holds no span yet, and is none."""
    return bool(stored.forms and stored.forms[0].held and not stored.forms[0].is_complete)


def as_whole(stored: StoredResponse) -> StoredResponse:
    """`stored` as it will be once every octet is held; for judging whether it may answer, octets aside."""
    form = stored.forms[0]
    held = ((0, form.length),) if form.length else ()
    return replace(stored, forms=(replace(form, held=held), *stored.forms[1:]))


def held_up_to(form: Form, at: int) -> int:
    """Where the run of held octets that begins at `at` ends; `at` itself where that octet is not held."""
    return next((end for first, end in form.held if first <= at < end), at)


def answers_from_part(request: RequestHead, stored: StoredResponse, now: float) -> bool:
    """Whether a request asks for nothing but octets that are held (RFC 9111 §3.3)."""
    form = stored.forms[0]
    decision = decide_range(request, stored.head, form.length, now)
    return isinstance(decision, Ranges) and all(covers(form.held, span) for span in decision.spans)


def covers(held: Sequence[Span], span: Span) -> bool:
    """Whether every octet of `span` is within the held ones (sorted and disjoint)."""
    return any(first <= span[0] and span[1] <= end for first, end in held)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans sorted, with those that overlap or touch as one."""
    whole: list[Span] = []
    for first, end in sorted(spans):
        if whole and first <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], end))
        else:
            whole.append((first, end))
    return tuple(whole)


def missing(form: Form, span: Span) -> tuple[Span, ...]:
    """The runs of octets within `span` that are not held, sorted."""
    gaps: list[Span] = []
    at = span[0]
    for first, end in form.held:
        if first >= span[1]:
            break
        if at < first:
            gaps.append((at, first))
        at = max(at, end)
    return (*gaps, (at, span[1])) if at < span[1] else tuple(gaps)
