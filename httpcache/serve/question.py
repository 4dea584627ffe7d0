"""What is asked of the next hop on behalf of one request, and what is known when it is asked."""

from __future__ import annotations

from dataclasses import dataclass

from httpcache import clock
from httpcache.fetch.collapse import Flight
from httpcache.messages import PurgeMark, RequestHead, Span, StoredResponse
from httpcache.rules.cache_key import CacheKey
from httpcache.rules.collapsing import proves_for_all
from httpcache.rules.decisions import Candidate, Forward, Standing, Validate
from httpcache.rules.vary import Selecting, select, selecting_fields
from httpcache.serve.exchange import Incoming
from httpcache.serve.landing import Landed
from httpcache.settings import SitePolicy

FlightKey = tuple[object, PurgeMark | None] | tuple[str, bool, PurgeMark | None, Selecting, object]


@dataclass(frozen=True, slots=True)
class Question:
    """One request that what is stored does not answer: `candidates` is all of that, `decision` what to do instead."""

    incoming: Incoming
    key: CacheKey
    policy: SitePolicy
    decision: Validate | Forward
    candidates: tuple[Candidate, ...] = ()
    peer: PurgeMark | None = None
    """How far the tier that asks has followed the purge log, where this one is behind."""
    since: float = 0.0
    """When the request came, by the monotonic clock, in seconds."""
    piece: Span | None = None
    """The aligned segment to ask for; None asks for the whole."""
    partial: StoredResponse | None = None
    """The representation that the piece is to be added to, where one is held in part."""

    @property
    def head(self) -> RequestHead:
        """The client's request."""
        return self.incoming.head

    @property
    def validate(self) -> Validate | None:
        """The decision, where it is to validate."""
        return self.decision if isinstance(self.decision, Validate) else None

    @property
    def selected(self) -> Candidate | None:
        """The stored response that would answer if it were proven good."""
        if not isinstance(self.decision, Validate):
            return None
        return next((one for one in self.candidates if one.stored == self.decision.stored[0]), None)

    @property
    def good(self) -> tuple[StoredResponse, ...]:
        """The stored responses that this request could have chosen, freshness aside."""
        chosen = select(self.candidates, self.head)
        return tuple(one.stored for one in chosen if one.standing is Standing.GOOD)

    def note_asking(self, flight: Flight[Landed]) -> None:
        """Note that `flight` asks this from now on, and for whom."""
        validate = self.validate
        flight.sent = clock.monotonic()
        flight.proves = validate is not None and proves_for_all(self.head, validate.stored)

    def flight_key(self, names: frozenset[str]) -> FlightKey:
        """Which requests may share the answer: those for one key that agree in what Vary is known to name.

        Those for one piece of what is held share that; the first piece of what is not known yet tells its length and
        tag to all who ask for ranges of it, whichever. What was asked for before an order that only the asking tier
        knows of is no answer to that tier.
        """
        piece = (self.partial.forms[0].body_id, self.piece) if self.piece and self.partial else None
        if piece is not None and self.validate is None:
            return piece, self.peer
        known = names.union(name for one in self.candidates for name, _ in one.stored.selecting)
        selecting = selecting_fields(self.head.fields, sorted(known))
        return (
            self.key.key,
            self.validate is not None,
            self.peer,
            selecting,
            piece or (self.piece is not None),
        )
