"""One fetch per key at a time; everyone else who wants the same waits for it and is told how it ended."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Landing = TypeVar("Landing")


class Outcome(StrEnum):
    """How waiting for another request's fetch ended."""

    SHARED = "shared"
    NOT_STORABLE = "not-storable"
    FAILED = "failed"
    WAITED_TOO_LONG = "waited-too-long"


class Flight(Generic[Landing]):
    """One fetch under way. `landed` resolves once its head is known; the body may still be arriving.

    `sent` is when it was asked, by the monotonic clock, in seconds; `proves` whether what comes back proves what is
    stored good for everyone who had come by then.
    """

    __slots__ = ("landed", "proves", "sent", "waiting")

    def __init__(self) -> None:
        self.landed: asyncio.Future[tuple[Outcome, Landing]] = asyncio.get_running_loop().create_future()
        self.waiting = 0
        self.sent = -math.inf
        self.proves = False


@dataclass(frozen=True, slots=True)
class Joined(Generic[Landing]):
    """What a request gets: the outcome, what landed (None after a wait too long), and whether it led the fetch."""

    outcome: Outcome
    landing: Landing | None
    led: bool
    flight: Flight[Landing]


class Collapser(Generic[Landing]):
    """Runs one fetch per key at a time and gives each waiter its outcome (RFC 9111 §4, collapsed requests).

    The fetch is a task of its own: a leader whose client leaves does not end it.
    """

    def __init__(
        self,
        longest_wait: float,
        remembered: int = 65_536,
        abandoned: Callable[[Landing], Awaitable[None]] | None = None,
    ) -> None:
        self._longest_wait = longest_wait
        self._abandoned = abandoned
        self._in_flight: dict[Hashable, Flight[Landing]] = {}
        self._apart: OrderedDict[Hashable, float] = OrderedDict()
        self._remembered = remembered
        self._tasks: set[asyncio.Future[None]] = set()

    @property
    def in_flight(self) -> int:
        """Fetches that requests can join now."""
        return len(self._in_flight)

    @property
    def waiting(self) -> int:
        """Requests that wait for the head of another's fetch now."""
        return sum(flight.waiting for flight in self._in_flight.values())

    def landing(self, key: Hashable) -> Landing | None:
        """What the fetch under way for `key` has brought; None without one, and while its head is awaited."""
        flight = self._in_flight.get(key)
        if flight is None or not flight.landed.done() or flight.landed.exception() is not None:
            return None
        return flight.landed.result()[1]

    def is_under_way(self, key: Hashable) -> bool:
        """Whether there is a fetch of `key` that can be joined."""
        return key in self._in_flight

    async def join(
        self, key: Hashable, fetch: Callable[[Flight[Landing]], Awaitable[tuple[Outcome, Landing]]]
    ) -> Joined[Landing]:
        """Wait for the fetch of `key`, starting it with `fetch` when there is none."""
        flight = self._in_flight.get(key)
        if flight is None:
            flight = self._in_flight[key] = Flight()
            task = asyncio.get_running_loop().create_task(self._lead(key, flight, fetch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            try:
                outcome, landing = await asyncio.shield(flight.landed)
            except asyncio.CancelledError:
                flight.landed.add_done_callback(lambda landed: self._abandon(flight, landed))
                raise
            return Joined(outcome, landing, True, flight)
        flight.waiting += 1
        try:
            async with asyncio.timeout(self._longest_wait or None):
                outcome, landing = await asyncio.shield(flight.landed)
        except TimeoutError:
            return Joined(Outcome.WAITED_TOO_LONG, None, False, flight)
        finally:
            flight.waiting -= 1
        return Joined(outcome, landing, False, flight)

    async def _lead(
        self,
        key: Hashable,
        flight: Flight[Landing],
        fetch: Callable[[Flight[Landing]], Awaitable[tuple[Outcome, Landing]]],
    ) -> None:
        try:
            result = await fetch(flight)
        except BaseException as error:
            self.close(key, flight)
            if flight.landed.done():
                raise
            flight.landed.set_exception(error)
            flight.landed.exception()  # read here: with no waiter left, asyncio would call it never retrieved
            return
        if result[0] is not Outcome.SHARED:
            self.close(key, flight)
        flight.landed.set_result(result)

    def _abandon(self, flight: Flight[Landing], landed: asyncio.Future[tuple[Outcome, Landing]]) -> None:
        """Tell what landed after its leader left that nobody is there for it: no one shares it, or no one waits."""
        if landed.cancelled() or landed.exception() is not None or self._abandoned is None:
            return
        outcome, landing = landed.result()
        if outcome is Outcome.NOT_STORABLE or not flight.waiting:
            task = asyncio.ensure_future(self._abandoned(landing))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def close(self, key: Hashable, flight: Flight[Landing]) -> None:
        """Let nobody else join `flight`: its body has ended, or what it brought is no longer good."""
        if self._in_flight.get(key) is flight:
            del self._in_flight[key]

    def keep_apart(self, key: Hashable, until: float) -> None:
        """Remember until a monotonic time that requests for `key` gain nothing by waiting for each other."""
        self._apart[key] = until
        self._apart.move_to_end(key)
        while len(self._apart) > self._remembered:
            self._apart.popitem(last=False)

    def is_apart(self, key: Hashable, now: float) -> bool:
        """Whether requests for `key` are not to be collapsed, at a monotonic time."""
        until = self._apart.get(key)
        if until is None:
            return False
        if until <= now:
            del self._apart[key]
            return False
        return True

    async def drain(self) -> None:
        """Wait for every fetch to have landed."""
        if self._tasks:
            await asyncio.wait(self._tasks)
