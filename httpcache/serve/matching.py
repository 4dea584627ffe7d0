"""Counts what orders would match in a worker's stores, for a dry order: bounded in time, at a part of one core."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence

from httpcache import clock
from httpcache.messages import StoredResponse
from httpcache.purge.matches import Matches
from httpcache.purge.orders import Order
from httpcache.purge.watermarks import Watermarks
from httpcache.rules.decisions import Standing
from httpcache.serve.tier import Tier

PAGE = 256
"""Stored responses looked at between two pauses."""
SPANS = 4096
"""Parts of the disk store at the most: which of them are looked at first is left to chance."""
SHARE = 0.5
"""Share of one core that is used at the most."""


class Matching:
    """Looks through a worker's RAM, and the disk where it is the one to do so."""

    def __init__(self, tier: Tier, *, reads_disk: bool) -> None:
        self._tier = tier
        self._reads_disk = reads_disk

    async def count(self, orders: Sequence[Order]) -> Matches:
        """What these orders would match of what is not gone already."""
        marks = Watermarks(1 + sum(len(order.targets) for order in orders))
        marks.apply(enumerate(orders, 1))
        ram = await self._in_ram(marks)
        disk, exact = await self._on_disk(marks)
        return Matches(ram, disk, exact)

    async def _in_ram(self, marks: Watermarks) -> int:
        ram, found = self._tier.store.ram, 0
        keys = ram.keys()
        for at in range(0, len(keys), PAGE):
            began = clock.monotonic()
            shelves = filter(None, map(ram.peek, keys[at : at + PAGE]))
            found += sum(self._matches(marks, one) for shelf in shelves for one in shelf.candidates)
            await self._rest(began)
        return found

    async def _on_disk(self, marks: Watermarks) -> tuple[int | None, bool]:
        """How many match, and whether all were looked at: where time is too short, the rest is taken to be alike."""
        disk = self._tier.store.disk
        if disk is None or not self._reads_disk:
            return None, True
        end = clock.monotonic() + self._tier.settings.purge.count_time
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._tier.settings.purge.count_time):
                await disk.written()  # what waits for that counts too
        spans = await asyncio.to_thread(disk.giving.spans, PAGE, SPANS)
        random.shuffle(spans)
        found = 0
        for done, (after, until) in enumerate(spans):
            if done and clock.monotonic() > end:
                return round(found * len(spans) / done), False
            found += await self._in_span(marks, after, until)
        return found, True

    async def _in_span(self, marks: Watermarks, after: int | None, until: int) -> int:
        disk, found = self._tier.store.disk, 0
        while disk is not None and after is not None:
            began = clock.monotonic()
            page = await asyncio.to_thread(disk.giving.read, after, PAGE, until)
            found += sum(self._matches(marks, one) for _, _, stored in page.rows for one in stored)
            after = page.last
            await self._rest(began)
        return found

    def _matches(self, marks: Watermarks, stored: StoredResponse) -> bool:
        return marks.covers(stored) and self._tier.purges.standing(stored) is not Standing.GONE

    @staticmethod
    async def _rest(began: float) -> None:
        await asyncio.sleep((clock.monotonic() - began) * (1 - SHARE) / SHARE)
