"""Gives back the space of what hard orders want gone, in the background: an order itself deletes nothing."""

from __future__ import annotations

import asyncio

from httpcache import clock
from httpcache.messages import StoredResponse
from httpcache.observe import metrics
from httpcache.rules.decisions import Standing
from httpcache.serve.tier import Tier

PAGE = 256
"""Records looked at between two pauses."""

SHARE = 0.2
"""Share of one core that is used at the most."""


class GivingBack:
    """Looks through a worker's RAM, and the disk where it is the one that evicts, once there are new hard orders."""

    def __init__(self, tier: Tier, *, evicts: bool) -> None:
        self._tier = tier
        self._evicts = evicts
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, unless the settings leave it all to eviction."""
        if self._tier.settings.purge.give_back_after:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        pause, done = self._tier.settings.purge.give_back_after, self._tier.purges.newest_hard
        while True:
            await asyncio.sleep(pause)
            newest = self._tier.purges.newest_hard
            if newest != done:
                await self._look_through()
                done = newest

    async def _look_through(self) -> None:
        """Once over everything. What came under an order meanwhile is for the next time."""
        await self._through_ram()
        if self._evicts:
            await self._through_disk()

    async def _through_ram(self) -> None:
        ram = self._tier.store.ram
        keys = ram.keys()
        for at in range(0, len(keys), PAGE):
            began = clock.monotonic()
            for key in keys[at : at + PAGE]:
                shelf = ram.peek(key)
                if shelf is not None and all(self._is_gone(one) for one in shelf.candidates):
                    ram.drop(key)
                    metrics.GIVEN_BACK.labels(metrics.Place.RAM).inc()
            await self._rest(began)

    async def _through_disk(self) -> None:
        disk, after = self._tier.store.disk, 0
        while disk is not None:
            began = clock.monotonic()
            page = await asyncio.to_thread(disk.giving.read, after, PAGE)
            gone = [row for row in page.rows if all(self._is_gone(one) for one in row[2])]
            if gone:
                disk.giving.remove(gone)
                metrics.GIVEN_BACK.labels(metrics.Place.DISK).inc(len(gone))
            await self._rest(began)
            if page.last is None:
                return
            after = page.last

    def _is_gone(self, stored: StoredResponse) -> bool:
        return self._tier.purges.standing(stored) is Standing.GONE

    @staticmethod
    async def _rest(began: float) -> None:
        await asyncio.sleep((clock.monotonic() - began) * (1 - SHARE) / SHARE)
