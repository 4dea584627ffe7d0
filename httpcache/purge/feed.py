"""The feed, server side: every follower gets each order as soon as it is in the log, and a heartbeat in silence."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence

from aiohttp import web

from httpcache.messages import PurgeMark
from httpcache.purge.feed_lines import FeedLine, seal
from httpcache.purge.keys import PrivateKey
from httpcache.purge.log import Logged
from httpcache.purge.log_door import LogDoor
from httpcache.purge.matches import Question
from httpcache.purge.orders import Order

TAIL_COST = 32 * 2**20
"""Bytes, about, of newest orders that are kept in memory for followers that are nearly up to date."""
BATCH = 256
"""Orders in one line."""
BATCH_COST = 512 * 2**10
"""Bytes, about, of orders in one line; a single order may be larger."""
MOST_BEHIND = 3
"""Heartbeats for which a mirrored log may be out of reach: then followers are no longer told that this is its end."""
SLOWEST = 30.0
"""Longest wait for a follower to take a line, in seconds."""


def cost(order: Order) -> int:
    """Bytes that an order costs, about."""
    return 200 + sum(60 + len(target) for target in order.targets)


class Feed:
    """Feeds followers from memory where they are nearly up to date, else from the log."""

    def __init__(
        self, door: LogDoor, key: PrivateKey, heartbeat: float, behind: Callable[[], float] = lambda: 0.0
    ) -> None:
        self._door = door
        self._key = key
        self._heartbeat = heartbeat
        self._behind = behind
        self._tail: list[Logged] = []
        self._tail_after = PurgeMark()  # what the tail goes on behind
        self._costs: list[int] = []  # of each order of the tail
        self._tail_cost = 0
        self._wakers: set[asyncio.Event] = set()
        self._closing = False
        self._question: Question | None = None

    def publish(self, after: int, orders: Sequence[Logged]) -> None:
        """New orders are in the log, behind number `after`."""
        end = PurgeMark(self._tail_after.epoch, self._tail[-1].n if self._tail else self._tail_after.n)
        if end != PurgeMark(self._door.log.epoch, after):
            # Numbers of another epoch, or from before a gap, mean something else.
            self._tail, self._costs, self._tail_cost = [], [], 0
            self._tail_after = PurgeMark(self._door.log.epoch, after)
        costs = [cost(logged.order) for logged in orders]
        self._tail += orders
        self._costs += costs
        self._tail_cost += sum(costs)
        if self._tail_cost > TAIL_COST:
            self._trim()
        self.wake()

    def _trim(self) -> None:
        dropped = 0
        while self._tail_cost > TAIL_COST // 2 and dropped < len(self._tail) - 1:
            self._tail_cost -= self._costs[dropped]
            dropped += 1
        if dropped:
            self._tail_after = PurgeMark(self._tail_after.epoch, self._tail[dropped - 1].n)
            del self._tail[:dropped], self._costs[:dropped]

    def ask(self, question: Question | None) -> None:
        """Ask every follower, also one that comes meanwhile; None when enough have answered."""
        self._question = question
        self.wake()

    def close(self) -> None:
        """End all feeds."""
        self._closing = True
        self.wake()

    def wake(self) -> None:
        """Have every feed look whether there is something for it, or it has ended."""
        for waker in self._wakers:
            waker.set()

    async def stream(
        self,
        response: web.StreamResponse,
        after: PurgeMark,
        nonce: str,
        has_ended: Callable[[], bool] = lambda: False,
    ) -> None:
        """Write lines until the follower leaves (ConnectionError, TimeoutError), `has_ended`, or the feed is closed."""
        waker = asyncio.Event()
        self._wakers.add(waker)
        try:
            await self._write_lines(response, after, nonce, waker, has_ended)
        finally:
            self._wakers.discard(waker)

    async def _write_lines(
        self,
        response: web.StreamResponse,
        after: PurgeMark,
        nonce: str,
        waker: asyncio.Event,
        has_ended: Callable[[], bool],
    ) -> None:
        seq, n, asked = 0, after.n, None
        while not self._closing and not has_ended() and self._behind() <= MOST_BEHIND * self._heartbeat:
            waker.clear()
            orders = await self._after(after.epoch, n)
            # After they have been read: the log may have been trimmed, or have become another, while they were.
            if after.epoch != self._door.log.epoch or n < self._door.log.start - 1:
                await self._write(response, self._line(seq, nonce, n, (), is_reset=True))
                return
            question = self._question if self._question is not asked else None
            await self._write(response, self._line(seq, nonce, n, orders, question=question))
            asked = question or asked
            seq, n = seq + 1, orders[-1].n if orders else n
            if n >= self._door.log.newest:
                await self._silence(waker)

    async def _silence(self, waker: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(self._heartbeat):
                await waker.wait()
        except TimeoutError:
            pass  # time for a heartbeat

    async def _after(self, epoch: int, n: int) -> Sequence[Logged]:
        """The next run of orders after `n`; empty when there is none."""
        if n >= self._door.log.newest:
            return ()
        if (
            not self._tail
            or self._tail_after.epoch != epoch
            or not (self._tail_after.n <= n < self._tail[-1].n)
        ):
            return await self._door.run(self._door.log.after, n, BATCH, BATCH_COST)
        first = bisect_right(self._tail, n, key=lambda logged: logged.n)
        total, last = 0, first
        for one in self._costs[first : first + BATCH]:
            total += one
            if last > first and total > BATCH_COST:
                break
            last += 1
        return self._tail[first:last]

    def _line(
        self,
        seq: int,
        nonce: str,
        after: int,
        orders: Sequence[Logged],
        *,
        is_reset: bool = False,
        question: Question | None = None,
    ) -> FeedLine:
        extent = self._door.log.extent
        has_gaps = bool(orders) and orders[-1].n != after + len(orders)
        return FeedLine(
            seq=seq,
            nonce=nonce,
            epoch=extent.epoch,
            start=extent.start,
            newest=extent.newest,
            heartbeat=self._heartbeat,
            after=after,
            orders=tuple(logged.order for logged in orders),
            numbers=tuple(logged.n for logged in orders) if has_gaps else (),
            is_reset=is_reset,
            question=question,
            behind=self._behind(),
        )

    async def _write(self, response: web.StreamResponse, line: FeedLine) -> None:
        text = await asyncio.to_thread(seal, line, self._key)
        async with asyncio.timeout(SLOWEST):
            await response.write(text)
