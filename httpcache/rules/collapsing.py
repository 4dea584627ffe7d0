"""Whether a request waits for another's fetch, makes one of its own, or goes forward as it was sent (RFC 9111 §4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from httpcache.messages import RequestHead, StoredResponse
from httpcache.rules.cache_control import parse_request_directives
from httpcache.rules.decisions import (
    Candidate,
    Forward,
    ForwardReason,
    NotStoredReason,
    Reuse,
    ReuseDecision,
    Standing,
    Validate,
)
from httpcache.rules.preconditions import is_for_origin
from httpcache.rules.targeted import effective_directives
from httpcache.rules.validation import conditions

_UNDISPUTED = (Standing.GOOD, Standing.TOLERATED)


class Apart(StrEnum):
    """Of whom it is remembered for a while that waiting for another's fetch gains them nothing."""

    EVERYONE = "everyone"
    """Responses for the key could not be stored."""
    AUTHORIZED = "authorized"
    """Responses to requests with Authorization could not; nothing is known of the others."""
    RANGES = "ranges"
    """Ranges could not be stored as pieces; all of it may well be."""
    HEADS = "heads"
    """A HEAD brought what is for one client; it says nothing of a GET, which not every origin answers alike."""
    VALIDATING = "validating"
    """Each request needs a response of its own, and nothing that is stored can be asked about."""
    PERSONAL = "personal"
    """Each request that says who sends it has to be proven by a response of its own; others share one."""


class Way(StrEnum):
    """How a request that what is stored does not answer goes to the next hop."""

    TOGETHER = "together"
    """One fetch for all who want the same: of the whole, or of a piece, stored and answered from here."""
    BY_ITSELF = "by-itself"
    """The same, for this request alone."""
    AS_SENT = "as-sent"
    """With its own conditions and range; nothing of its response is stored."""


class Sharing(StrEnum):
    """What a request does with the response to a fetch that it waited for."""

    TAKES = "takes"
    """It is answered with it."""
    LATE = "late"
    """It came after that was asked: what is asked next is for it, too."""
    OTHER = "other"
    """Another variant came."""
    APART = "apart"
    """What came is good for the request it was asked for, and for no other."""


@dataclass(frozen=True, slots=True)
class Going:
    """The way of a request, and what is told of it."""

    way: Way
    detail: str = ""


def is_never_stored(request: RequestHead) -> bool:
    """Whether nothing of the response to a request may be stored, whatever it is (RFC 9111 §5.2.1.5)."""
    return parse_request_directives(request.fields).no_store


def is_personal(request: RequestHead) -> bool:
    """Whether a request says who sends it: an origin that is asked each time may look at that each time."""
    return "authorization" in request.fields or "cookie" in request.fields


def proves_for_all(request: RequestHead, validated: Sequence[StoredResponse]) -> bool:
    """Whether what is said to a request that validates holds for all who ask the same (RFC 9111 §4, §4.3).

    There has to be something to ask about: a page without a validator is made anew each time, for whoever asks.
    """
    return bool(conditions(validated)) and not is_personal(request)


def is_own_wish(decision: ReuseDecision) -> bool:
    """Whether only the request itself wants what would answer it to be proven good; to others it is fresh."""
    return isinstance(decision, Validate) and decision.reason is ForwardReason.REQUEST


def decide_sharing(
    request: RequestHead, candidate: Candidate, decision: ReuseDecision, *, proves: bool, is_after: bool
) -> Sharing:
    """Decide whether what another's fetch brought answers a request; `decision` is what reuse says of it.

    A response that has to be validated each time (no-cache, or stale when it lands) answers all whose validation was
    one request: `proves`, and `is_after`, sent once they had come, so that no proof is older than the question.
    """
    match decision:
        case Reuse():
            return Sharing.TAKES
        case Forward(ForwardReason.VARY_MISS):
            return Sharing.OTHER
        case Validate() if is_own_wish(decision):
            return Sharing.TAKES if is_after else Sharing.LATE
        case Validate() if proves and not is_personal(request) and candidate.standing in _UNDISPUTED:
            return Sharing.TAKES if is_after else Sharing.LATE
    return Sharing.APART


def _says_no_cache(candidate: Candidate) -> bool:
    return effective_directives(candidate.stored.fields).directives.no_cache


def apart_when_unshared(stored: StoredResponse) -> Apart:
    """Of whom is to be remembered that waiting for `stored` gained them nothing."""
    return Apart.PERSONAL if conditions((stored,)) else Apart.VALIDATING


def decide_way(request: RequestHead, validated: Candidate | None, is_apart: Callable[[Apart], bool]) -> Going:
    """Decide on a GET or HEAD; `validated` is the stored response that would answer if it were proven good.

    What can be proven good is asked about in every case: who is not to wait still gains by a 304. A request whose
    response is not stored for its own sake neither leads nor joins: whoever waited for it would have to wait again.
    """
    if is_for_origin(request):
        return Going(Way.AS_SENT)
    is_authorized, is_range = "authorization" in request.fields, "range" in request.fields
    is_head = request.method == "HEAD"
    never = is_never_stored(request)
    kept_apart = (
        is_apart(Apart.EVERYONE)
        or (is_authorized and is_apart(Apart.AUTHORIZED))
        or (is_range and is_apart(Apart.RANGES))
        or (is_head and is_apart(Apart.HEADS))
    )
    by_itself = is_apart(Apart.VALIDATING)
    if is_personal(request):
        by_itself = (
            by_itself or is_apart(Apart.PERSONAL) or (validated is not None and _says_no_cache(validated))
        )
    if validated is not None and not (validated.standing is Standing.INVALID and is_apart(Apart.EVERYONE)):
        return Going(Way.BY_ITSELF if never or kept_apart or by_itself else Way.TOGETHER)
    if never:
        return Going(Way.AS_SENT, NotStoredReason.REQUEST_NO_STORE)
    if is_authorized and (is_range or is_head):
        # What answers it would most likely not be stored, and an aligned segment would cost a second request.
        return Going(Way.AS_SENT)
    if kept_apart:
        return Going(Way.AS_SENT, "not-collapsible")
    return Going(Way.BY_ITSELF if by_itself else Way.TOGETHER)
