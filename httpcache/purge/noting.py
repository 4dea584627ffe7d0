"""What handlers of the purge API find out about a request while they answer it, for the audit log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from contextvars import ContextVar
from dataclasses import dataclass, field

from httpcache.purge.problems import Problem
from httpcache.purge.turns import Told, Turns

SHOWN = 10
"""Orders of a batch that the audit log names."""


@dataclass(slots=True)
class Noted:
    """`who` is the holder of the key that signed; None while nothing is proven.

    `through` is the node that handed the request on, once that is proven, and `client` the address that it names.
    """

    who: str | None = None
    through: str | None = None
    client: str | None = None
    orders: list[dict[str, object]] = field(default_factory=list)
    id: str | None = None
    is_dry: bool = False
    problem: Problem | None = None
    turns: Turns | None = None
    source: Hashable = None
    """Whose failures are counted together with those of this request."""
    is_counted: bool = False
    """Whether a failure of this request has been counted."""

    def handed_on(self, node: str, client: str) -> Problem | None:
        """A proven node hands on what that client asks; None where it is looked at: others of that node are, too."""
        self.through, self.client = node, client
        self.source = (node, client)  # a client of a node does not keep its other clients out
        return self.turns.pause_of(self.source) if self.turns is not None else None

    async def looked_at(self, look: Callable[[], Awaitable[Told | Problem]]) -> Told | Problem:
        """What a look at a token of this request says, once its source may have one more looked at."""
        if self.turns is None:
            return await look()
        told, has_failed = await self.turns.take(self.source, look)
        self.is_counted |= has_failed
        return told


noted: ContextVar[Noted] = ContextVar("noted")
"""Of the request that is being answered; whoever answers sets it first."""
