"""What handlers of the purge API find out about a request while they answer it, for the audit log."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

from httpcache.purge.problems import Problem


@dataclass(slots=True)
class Noted:
    """`who` is the holder of the key that signed; None while nothing is proven."""

    who: str | None = None
    orders: list[dict[str, object]] = field(default_factory=list)
    id: str | None = None
    is_dry: bool = False
    problem: Problem | None = None


noted: ContextVar[Noted] = ContextVar("noted")
"""Of the request that is being answered; whoever answers sets it first."""
