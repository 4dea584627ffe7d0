"""The event loop's door to the purge log: one thread, and one transaction for all orders that wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from httpcache.purge.log import Logged, PurgeLog, Wish

T = TypeVar("T")

MOST_AT_ONCE = 1000
"""Orders in one transaction."""


class LogDoor:
    """Asks the log in its own thread.

    `appended` is called on the event loop for each run of new orders, with the number that they go on behind.
    """

    def __init__(self, path: Path | None, appended: Callable[[int, Sequence[Logged]], None]) -> None:
        self._path = path
        self._appended = appended
        self._thread = ThreadPoolExecutor(1, "purge-log")
        self._log: PurgeLog | None = None
        self._waiting: list[tuple[Wish, asyncio.Future[tuple[Logged, ...]]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def open(self, now: float) -> None:
        """Open the log. Raises sqlite3.Error or OSError."""
        self._log = await self.run(PurgeLog, self._path, now)

    async def close(self) -> None:
        """Write what waits and close."""
        if self._writer is not None:
            await asyncio.wait([self._writer])
        if self._log is not None:
            await self.run(self._log.close)
        self._thread.shutdown()

    async def run(self, call: Callable[..., T], *arguments: object) -> T:
        """Run a blocking call in the log's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    @property
    def log(self) -> PurgeLog:
        """The log; its numbers may be read on the event loop, its calls go through `run`."""
        assert self._log is not None, "the log is opened first"
        return self._log

    async def append(self, wish: Wish) -> tuple[Logged, ...]:
        """Make orders durable; none when their token has been used. Raises sqlite3.Error when it cannot be written."""
        future: asyncio.Future[tuple[Logged, ...]] = asyncio.get_running_loop().create_future()
        self._waiting.append((wish, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await future

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            try:
                made = await self.run(self.log.append, [wish for wish, _ in batch])
            except Exception as error:  # the disk is full, or fails: whoever waits is told
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            orders = [logged for run in made for logged in run]
            if orders:
                self._appended(orders[0].n - 1, orders)
            for (_, future), run in zip(batch, made, strict=True):
                if not future.done():
                    future.set_result(run)
