"""Whether a request waits for another's fetch, makes one of its own, or goes forward as it was sent (RFC 9111 §4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from httpcache.messages import RequestHead
from httpcache.rules.cache_control import parse_request_directives
from httpcache.rules.decisions import Candidate, NotStoredReason, Standing
from httpcache.rules.preconditions import is_for_origin


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
    """Each request has to be proven by a response of its own, which may be a 304."""


class Way(StrEnum):
    """How a request that what is stored does not answer goes to the next hop."""

    TOGETHER = "together"
    """One fetch for all who want the same: of the whole, or of a piece, stored and answered from here."""
    BY_ITSELF = "by-itself"
    """The same, for this request alone."""
    AS_SENT = "as-sent"
    """With its own conditions and range; nothing of its response is stored."""


@dataclass(frozen=True, slots=True)
class Going:
    """The way of a request, and what is told of it."""

    way: Way
    detail: str = ""


def is_never_stored(request: RequestHead) -> bool:
    """Whether nothing of the response to a request may be stored, whatever it is (RFC 9111 §5.2.1.5)."""
    return parse_request_directives(request.fields).no_store


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
    if validated is not None and not (validated.standing is Standing.INVALID and is_apart(Apart.EVERYONE)):
        return Going(Way.BY_ITSELF if never or kept_apart or is_apart(Apart.VALIDATING) else Way.TOGETHER)
    if never:
        return Going(Way.AS_SENT, NotStoredReason.REQUEST_NO_STORE)
    if is_authorized and (is_range or is_head):
        # What answers it would most likely not be stored, and an aligned segment would cost a second request.
        return Going(Way.AS_SENT)
    if kept_apart:
        return Going(Way.AS_SENT, "not-collapsible")
    return Going(Way.BY_ITSELF if is_apart(Apart.VALIDATING) else Way.TOGETHER)
