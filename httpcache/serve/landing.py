"""How a fetch landed: what its leader and everyone who waited for it get to work with."""

from __future__ import annotations

from dataclasses import dataclass

from httpcache.fetch.arriving import ArrivingBody
from httpcache.fetch.failures import NextHopError
from httpcache.fetch.next_hop import Reply
from httpcache.messages import Line, ResponseHead, Span, StoredResponse
from httpcache.rules.collapsing import Apart
from httpcache.rules.decisions import NotStoredReason


@dataclass(frozen=True, slots=True)
class Stored:
    """A response that is being stored; or that has come and was stored, `whole`; or, without either, was freshened."""

    stored: StoredResponse
    arriving: ArrivingBody | None
    fwd_status: int
    unshared: tuple[Line, ...] = ()
    """Field lines for the leader's client alone: they are not stored."""
    whole: bytes | None = None
    """The body of a small response that came with its head."""


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
class Passed:
    """A response that is not stored: only the leader may read it. `detail` says why."""

    reply: Reply
    detail: str
    is_authorized: bool = False
    """Whether its request had Authorization."""
    is_piece: bool = False
    """Whether it came for a piece of a representation, all of which may perhaps be stored."""

    @property
    def tells_of_the_next(self) -> bool:
        """Whether the next response may most likely not be stored either; a failure (5xx) says nothing of it."""
        if self.reply.head.status == 416:  # it was this request that asked for what is beyond the end
            return False
        own_wish = self.detail in (NotStoredReason.REQUEST_NO_STORE, NotStoredReason.AUTHORIZATION)
        return not own_wish and self.reply.head.status < 500

    @property
    def apart(self) -> Apart | None:
        """Who gains nothing by waiting from now on; None where it says nothing of the next response.

        What one user may not share is no word about what those get who say nothing of themselves.
        """
        if self.is_piece and self.detail in (NotStoredReason.PARTIAL, NotStoredReason.NO_STRONG_VALIDATOR):
            return Apart.RANGES
        if self.is_authorized and self.reply.head.status < 500:
            return Apart.AUTHORIZED
        return Apart.EVERYONE if self.tells_of_the_next else None


@dataclass(frozen=True, slots=True)
class Headed:
    """What a HEAD told of a representation: of one that is stored, or of one that a GET would bring."""

    stored: StoredResponse
    fwd_status: int
    unshared: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """No usable response: an error of the next hop, or a response of 5xx for which stale was allowed."""

    error: NextHopError | None
    head: ResponseHead | None = None


Landed = Stored | Piece | Passed | Headed | Failed


async def close_abandoned(landed: Landed) -> None:
    """Let go of what landed for a leader that has left, with nobody else there."""
    match landed:
        case Passed():
            await landed.reply.close()
        case Stored(arriving=ArrivingBody() as arriving):
            arriving.abandon()
        case _:
            pass
