"""A disk store that could not be opened at the start is opened later; what changed meanwhile is forgotten there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from httpcache.store.counts import Counts, Fault
from httpcache.store.database import FAULTS
from httpcache.store.disk import DiskStore
from httpcache.store.records import key_hash

log = logging.getLogger(__name__)

AGAIN = 10.0
"""How often it is tried, in seconds."""

CHANGED = 50_000
"""Cache keys that may change meanwhile; with more of them the disk stays unused until a restart."""


class LateDisk:
    """Tries to open a disk store again and again, until it can be given to `adopt`."""

    def __init__(self, make: Callable[[], DiskStore], counts: Counts) -> None:
        """`make` blocks and may raise one of FAULTS."""
        self._make = make
        self._counts = counts
        self._changed: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def note(self, key: str) -> None:
        """What the disk has of a cache key is not the newest any more."""
        if len(self._changed) <= CHANGED:
            self._changed.add(key_hash(key))

    def start(self, adopt: Callable[[DiskStore], None]) -> None:
        """Begin to try."""
        self._task = asyncio.create_task(self._open(adopt))

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _open(self, adopt: Callable[[DiskStore], None]) -> None:
        while len(self._changed) <= CHANGED:
            await asyncio.sleep(AGAIN)
            try:
                disk = await asyncio.to_thread(self._make)
            except FAULTS as error:
                self._counts.fault(Fault.OPEN, error)
                continue
            try:
                await self._forget_what_changed(disk)
            except FAULTS as error:
                self._counts.fault(Fault.OPEN, error)
                await disk.close()
                continue
            log.info("store: the disk store could be opened now")
            adopt(disk)
            return

    async def _forget_what_changed(self, disk: DiskStore) -> None:
        """An older response must not come back. Nobody writes to this disk yet, so what has gone stays away."""
        while changed := list(self._changed):
            await asyncio.to_thread(disk.remove_all, changed)
            self._changed.difference_update(changed)
