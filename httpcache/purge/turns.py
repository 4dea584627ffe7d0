"""Turns: of one source no more tokens are looked at together than may still fail; else many at once pass the limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

from httpcache import clock
from httpcache.purge.attempts import Attempts
from httpcache.purge.problems import Problem

Told = TypeVar("Told")
"""What a good token says."""

TOO_MANY = Problem(429, "too-many-failures", "Too many attempts from this address have failed.")


@dataclass(slots=True)
class _Source:
    """Looks that are under way for one source; `ended` is set when one has ended."""

    under_way: int = 0
    waiting: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Turns:
    """All calls on one event loop."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._sources: dict[Hashable, _Source] = {}

    def pause_of(self, who: Hashable) -> Problem | None:
        """Why an attempt is not looked at: too many have failed."""
        return TOO_MANY if self._attempts.pause(who, clock.monotonic()) > 0 else None

    async def take(
        self, who: Hashable, look: Callable[[], Awaitable[Told | Problem]]
    ) -> tuple[Told | Problem, bool]:
        """What a look says, in its turn, and whether it was counted as a failure; a 429 where too many have failed."""
        source = self._sources.setdefault(who, _Source())
        try:
            problem = await self._turn(who, source)
            return (problem, False) if problem is not None else await self._look(who, source, look)
        finally:
            if not source.under_way and not source.waiting and self._sources.get(who) is source:
                del self._sources[who]

    async def _turn(self, who: Hashable, source: _Source) -> Problem | None:
        """Wait while all who could still fail are looked at."""
        while (problem := self.pause_of(who)) is None:
            if source.under_way + 1 <= self._attempts.room(who, clock.monotonic()):
                return None
            source.waiting += 1
            try:
                await source.ended.wait()
            finally:
                source.waiting -= 1
        return problem

    async def _look(
        self, who: Hashable, source: _Source, look: Callable[[], Awaitable[Told | Problem]]
    ) -> tuple[Told | Problem, bool]:
        source.under_way += 1
        try:
            told = await look()
            has_failed = isinstance(told, Problem) and told.status in (401, 403)
            if has_failed:
                self._attempts.fail(who, clock.monotonic())
            return told, has_failed
        finally:
            source.under_way -= 1
            source.ended.set()
            source.ended = asyncio.Event()
