"""The parts that one worker's transactions work with, and what differs between an edge and a shield."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from httpcache.fetch.collapse import Collapser
from httpcache.fetch.failover import Failover
from httpcache.fetch.link import Link
from httpcache.fetch.route import Route
from httpcache.messages import PurgeMark, StoredResponse
from httpcache.rules.decisions import Candidate, Standing
from httpcache.rules.forwarding import Identity
from httpcache.serve.coder import Coder
from httpcache.serve.landing import Landed
from httpcache.settings import Settings
from httpcache.spelling import names_of
from httpcache.store.invalidations import InvalidationMarks
from httpcache.store.tiered import TieredStore

_MILD = (Standing.GOOD, Standing.TOLERATED, Standing.SOFT)


@dataclass(frozen=True, slots=True)
class Wiring:
    """What makes a tier an edge or a shield."""

    route: Route
    trusts_peers: bool
    """Whether whoever connects is a tier of ours: its forwarded fields are believed, tags are sent to it."""
    codes: bool
    """Whether coded forms are made here."""
    sends_mark: bool
    """Whether the next hop is a shield, which is told how far this tier has followed the purge log."""


class Purges(Protocol):
    """What the purge log says, as far as this worker has followed it."""

    @property
    def mark(self) -> PurgeMark:
        """How far the log has been followed."""
        ...

    @property
    def changes(self) -> int:
        """A number that grows whenever `standing` may say something else than before."""
        ...

    @property
    def is_silent(self) -> bool:
        """Whether the log has been silent for longer than the lag limit."""
        ...

    @property
    def newest_hard(self) -> tuple[int, int]:
        """Epoch and number of the newest order that wanted something gone."""
        ...

    def standing(self, stored: StoredResponse) -> Standing:
        """What the orders say of a stored response."""
        ...

    def overtakes(self, stored: StoredResponse) -> bool:
        """Whether an order covers what was asked for at `stored.mark`, or one that does may have been missed since."""
        ...


@dataclass(slots=True)
class Tier:
    """One worker's parts. `now` gives Unix seconds; `reached` waits until the purge log is followed up to a mark."""

    settings: Settings
    wiring: Wiring
    identity: Identity
    store: TieredStore
    invalidations: InvalidationMarks
    next_hop: Link | Failover
    purges: Purges
    reached: Callable[[PurgeMark], Awaitable[bool]]
    coder: Coder
    collapser: Collapser[Landed]
    now: Callable[[], float]

    def candidate(self, stored: StoredResponse) -> Candidate:
        """A stored response with what orders and invalidations say of it."""
        standing = self.purges.standing(stored)
        if standing in _MILD and self.is_invalidated(stored):
            standing = Standing.INVALID
        return Candidate(stored, standing)

    def judged_again(self, candidate: Candidate | None) -> Candidate | None:
        """A candidate after a wait: an order may have come meanwhile. What was not good does not become so."""
        if candidate is None:
            return None
        now = self.candidate(candidate.stored).standing
        return Candidate(candidate.stored, now.or_worse(candidate.standing))

    def is_overtaken(self, stored: StoredResponse) -> bool:
        """Whether an order has come that covers what was asked for at `stored.mark`, or may have been missed since."""
        return self.purges.overtakes(stored)

    @property
    def refuses(self) -> bool:
        """Whether nothing is answered that could have been purged: cut off, and the settings say so."""
        return self.purges.is_silent and self.settings.purge.when_cut_off == "refuse"

    def is_invalidated(self, stored: StoredResponse) -> bool:
        """Whether an unsafe method or a group has invalidated it since its fetch began (RFC 9111 §4.4, RFC 9875)."""
        since = stored.request_time
        return any(self.invalidations.is_invalidated(name, since) for name in invalidation_names(stored))


def invalidation_names(stored: StoredResponse) -> Iterator[str]:
    """The names under which a stored response may be invalidated."""
    for name in names_of(stored.uri):
        yield f"uri:{name}"
    origin = stored.uri.partition("/")[0]
    for group in stored.groups:
        yield f"group:{origin}:{group}"
