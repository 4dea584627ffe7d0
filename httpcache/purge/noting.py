"""What handlers of the purge API find out about a request while they answer it, for the audit log."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextvars import ContextVar
from dataclasses import dataclass, field

from httpcache.purge.problems import Problem

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
    pause_of: Callable[[Hashable], Problem | None] = lambda _: None
    """Why an attempt by somebody is not looked at for now."""

    def handed_on(self, node: str, client: str) -> Problem | None:
        """A proven node hands on what that client asks; None where it is looked at: others of that node are, too."""
        self.through, self.client = node, client
        return self.pause_of((node, client))


noted: ContextVar[Noted] = ContextVar("noted")
"""Of the request that is being answered; whoever answers sets it first."""
