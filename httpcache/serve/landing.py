"""How a fetch landed: what its leader and everyone who waited for it get to work with."""

from __future__ import annotations

from dataclasses import dataclass

from httpcache.fetch.arriving import ArrivingBody
from httpcache.fetch.failures import NextHopError
from httpcache.fetch.next_hop import Reply
from httpcache.messages import Line, ResponseHead, Span, StoredResponse
from httpcache.rules.decisions import NotStoredReason


@dataclass(frozen=True, slots=True)
class Stored:
    """A response that is being stored, or was freshened (`arriving` is None: its body stands in the store)."""

    stored: StoredResponse
    arriving: ArrivingBody | None
    fwd_status: int
    unshared: tuple[Line, ...] = ()
    """Field lines for the leader's client alone: they are not stored."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One aligned segment of a representation that is held in part: `arriving` are the octets of `span` alone.

    `stored` is the representation with what was held of it before; `is_new` where nothing was.
    """

    stored: StoredResponse
    span: Span
    arriving: ArrivingBody
    fwd_status: int
    is_new: bool
    unshared: tuple[Line, ...] = ()

    @property
    def body_id(self) -> str:
        """Which representation it is a piece of: two pieces with the same belong together."""
        return self.stored.forms[0].body_id


@dataclass(frozen=True, slots=True)
class Unfit:
    """A 206 that cannot be kept as a piece: whoever wants a range asks for just that, each by itself."""

    detail: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A response that is not stored: only the leader may read it. `detail` says why."""

    reply: Reply
    detail: str

    @property
    def is_of_response(self) -> bool:
        """Whether it is the response that may not be stored, whoever asks; else only this request's was not."""
        if self.reply.head.status == 416:  # it was this request that asked for what is beyond the end
            return False
        return self.detail not in (NotStoredReason.REQUEST_NO_STORE, NotStoredReason.AUTHORIZATION)

    @property
    def tells_of_the_next(self) -> bool:
        """Whether the next response may most likely not be stored either; a failure (5xx) says nothing of it."""
        return self.is_of_response and self.reply.head.status < 500


@dataclass(frozen=True, slots=True)
class Failed:
    """No usable response: an error of the next hop, or a response of 5xx for which stale was allowed."""

    error: NextHopError | None
    head: ResponseHead | None = None


Landed = Stored | Piece | Unfit | Passed | Failed


async def close_abandoned(landed: Landed) -> None:
    """Let go of what landed for a leader that has left, with nobody else there."""
    match landed:
        case Passed():
            await landed.reply.close()
        case Stored(arriving=ArrivingBody() as arriving):
            arriving.abandon()
        case _:
            pass
