"""The follower: each worker follows the purge log, from what it has durably applied, and acknowledges."""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec

from httpcache import clock
from httpcache.fetch.failures import reason
from httpcache.messages import PurgeMark
from httpcache.purge.feed_lines import LineFault
from httpcache.purge.following import Following, Taken, parts
from httpcache.purge.keys import KeyFault
from httpcache.purge.log_address import log_url
from httpcache.purge.matches import Matches, Question
from httpcache.purge.orders import Order
from httpcache.purge.teller import Refused, Teller
from httpcache.purge.watermarks import Watermarks
from httpcache.settings import Settings

log = logging.getLogger("edgeward.purge")

T = TypeVar("T")

START_WAIT = 2.0
"""Longest wait at start for the log to be followed to its end, in seconds."""
CUT_OFF = {
    "validate": "what is stored is validated before it is used",
    "serve-stale": "what is stored is used as it is, though it may have been purged",
    "refuse": "GET and HEAD are answered with 503",
}
"""What `purge.when_cut_off` means, for the log."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
"""Pauses before connecting again, in seconds: doubled at each failure, and shortened at random."""
CONNECT = 5.0
STEP = 64
"""Names that are applied before others get their turn: about a tenth of a millisecond."""
SILENT_HEARTBEATS = 3
"""Heartbeats that may be missed before the connection is given up."""
LONGEST_LINE = 8 * 2**20


class FeedRefused(Exception):
    """The keeper does not let this worker follow; the message says why."""


class Follower:
    """One worker's follower. `lag` and `is_following` tell how well it does; `reached` waits for it.

    `count` tells how much orders would match here; while it is None, nothing is told.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        index: int,
        watermarks: Watermarks,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self.watermarks = watermarks
        self.count: Callable[[Sequence[Order]], Awaitable[Matches]] | None = None
        self._settings = settings
        self._folder = folder
        self._index = index
        self._monotonic = monotonic
        self._thread = ThreadPoolExecutor(1, "purge-follower")
        self._following: Following | None = None
        self._heard_at = monotonic()
        self._heartbeat = settings.purge.heartbeat
        self._progress = asyncio.Event()
        self._to_acknowledge = asyncio.Event()
        self._question: Question | None = None
        self._to_count = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._failures = 0
        self._complaint = ""
        self._in_vain: PurgeMark | None = None
        """The least mark that was waited for in vain since there was progress."""

    async def start(self) -> None:
        """Load what was applied, follow, and wait a while for the end. Raises KeyFault, OSError, sqlite3.Error."""
        self._following = await self._run(Following, self._settings, self._folder, self._index)
        held = await self._run(self._following.load)
        self.watermarks.adopt(held.mark, held.floor, held.levels)
        self._tasks = [asyncio.create_task(self._follow_on()), asyncio.create_task(self._watch())]
        await self._wait_until(lambda: self.is_following, START_WAIT)

    async def close(self) -> None:
        """Stop following."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        following, self._following, self._tasks = self._following, None, []
        if following is not None:
            await self._run(following.applied.close)
            self._thread.shutdown()

    @property
    def is_following(self) -> bool:
        """Whether the log's end was reached within the lag limit: what is not purged is known to be good."""
        return self.watermarks.proven

    def lag(self, now: float) -> float:
        """Seconds since this worker was last known to be at the log's end; `now` is monotonic."""
        return max(0.0, now - self._heard_at)

    async def reached(self, mark: PurgeMark, timeout: float) -> bool:
        """Wait until the log is followed as far as `mark`; False when `timeout` seconds pass first.

        Once that was in vain nobody waits for that mark or a later one until there is progress: a cut must not delay
        every request, nor a mark that somebody has made up those of tiers that ask for what is on its way.
        """
        if self.watermarks.mark >= mark:
            return True
        if self._in_vain is not None and mark >= self._in_vain:
            return False
        has_reached = await self._wait_until(lambda: self.watermarks.mark >= mark, timeout)
        if not has_reached:
            self._in_vain = min(mark, self._in_vain or mark)
        return has_reached

    async def _wait_until(self, holds: Callable[[], bool], timeout: float) -> bool:
        try:
            async with asyncio.timeout(timeout):
                while not holds():
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True

    def _progressed(self) -> None:
        self._in_vain = None
        self._progress.set()
        self._progress = asyncio.Event()

    async def _run(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    async def _follow_on(self) -> None:
        """Follow for ever: connect again after each failure."""
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT)
        async with aiohttp.ClientSession(timeout=timeout, read_bufsize=2**20) as session:
            while True:
                try:
                    await self._follow(session)
                except (
                    aiohttp.ClientError,
                    OSError,
                    sqlite3.Error,
                    LineFault,
                    FeedRefused,
                    KeyFault,
                ) as error:
                    self._complain(error)
                except Exception:
                    log.exception("following the purge log failed")
                pause = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** min(self._failures, 10))
                self._failures += 1
                await asyncio.sleep(pause * random.uniform(0.5, 1))

    def _complain(self, error: Exception) -> None:
        """Log a failure, once until it changes or ends."""
        complaint = reason(error)
        if complaint != self._complaint:
            self._complaint = complaint
            log.warning("not following the purge log: %s", complaint)

    async def _follow(self, session: aiohttp.ClientSession) -> None:
        """One connection, until it breaks or the log begins anew."""
        assert self._following is not None
        url = log_url(self._settings)
        token, mark = await self._run(self._following.begin)
        if mark > self.watermarks.mark:  # a fault came between what is durable and memory
            held = await self._run(self._following.load)
            self.watermarks.adopt(held.mark, held.floor, held.levels)
        async with session.get(
            f"{url}/v1/feed",
            params={"after": f"{mark.epoch}.{mark.n}"},
            headers={"Authorization": f"Bearer {token}"},
            allow_redirects=False,
        ) as answer:
            if answer.status != 200:
                raise FeedRefused(_reason(answer.status, await answer.content.read(4096)))
            teller = Teller(url)
            telling = [asyncio.create_task(one) for one in (self._acknowledge(teller), self._count(teller))]
            try:
                await self._take_lines(answer.content)
            finally:
                teller.close()
                for task in telling:
                    task.cancel()

    async def _take_lines(self, content: aiohttp.StreamReader) -> None:
        assert self._following is not None
        async for lines in self._lines(content):
            read_at = self._monotonic()
            taken = await self._run(self._following.take, lines)
            await self._apply(taken, read_at)
            if taken.held is not None:
                return

    async def _lines(self, content: aiohttp.StreamReader) -> AsyncIterator[list[bytes]]:
        """Whole lines, as many as have come. Raises TimeoutError in silence, LineFault when one is too long."""
        kept = b""
        while True:
            async with asyncio.timeout(SILENT_HEARTBEATS * self._heartbeat + 1):
                arrived = await content.readany()
            if not arrived:
                raise ConnectionError("the log's keeper has closed the feed")
            *lines, kept = (kept + arrived).split(b"\n")
            if len(kept) > LONGEST_LINE:
                raise LineFault("is longer than any line of the feed")
            if lines:
                yield lines

    async def _apply(self, taken: Taken, read_at: float) -> None:
        """Durable already: now in memory, then known to whoever waits, then acknowledged.

        What was read at `read_at` (monotonic) tells of the log's end at that time, however long this took.
        """
        self._heartbeat = taken.heartbeat
        self._failures = 0
        if taken.held is not None:
            self.watermarks.adopt(taken.held.mark, taken.held.floor, taken.held.levels)
        for part in parts(taken.orders, STEP):
            self.watermarks.apply(part)
            await asyncio.sleep(taken.pause)  # hits are answered between
        if taken.held is None and self.watermarks.mark.n >= taken.newest:
            self._heard(read_at - max(0.0, taken.behind))
        self._to_acknowledge.set()
        if taken.question is not None:
            self._question = taken.question
            self._to_count.set()
        self._progressed()

    def _heard(self, at: float) -> None:
        self._heard_at = max(self._heard_at, at)
        if not self.watermarks.proven and self.lag(self._monotonic()) < self._settings.purge.lag_limit:
            self.watermarks.proven = True
            self._complaint = ""
            log.info("following the purge log, at %d.%d", self.watermarks.mark.epoch, self.watermarks.mark.n)

    async def _watch(self) -> None:
        """Once cut off for longer than the lag limit, nothing is reused without validation."""
        limit = self._settings.purge.lag_limit
        while True:
            left = limit - self.lag(self._monotonic())
            if left <= 0 and not self.watermarks.is_silent:
                self.watermarks.fall_silent()
                log.warning(
                    "cut off from the purge log for %g seconds: %s (purge.when_cut_off)",
                    limit,
                    CUT_OFF[self._settings.purge.when_cut_off],
                )
            await (asyncio.sleep(left) if left > 0 else self._progress.wait())

    async def _acknowledge(self, teller: Teller) -> None:
        """Tell how far this worker is, each time it has changed or a heartbeat came; what gathers meanwhile is one."""
        assert self._following is not None
        while True:
            await self._to_acknowledge.wait()
            self._to_acknowledge.clear()
            try:
                await teller.tell("/v1/feed/acks", partial(self._following.acks, self.watermarks.mark))
            except Refused as error:
                self._complain(error)  # the next heartbeat tries again
            except OSError as error:
                self._complain(error)
                self._to_acknowledge.set()
                await asyncio.sleep(SHORTEST_PAUSE)

    async def _count(self, teller: Teller) -> None:
        """Tell how much a dry order would match here. One question at a time: the newest."""
        assert self._following is not None
        while True:
            await self._to_count.wait()
            self._to_count.clear()
            asked = self._question
            if asked is None or self.count is None:
                continue
            matches = await self.count(asked.orders)
            try:
                await teller.tell("/v1/feed/matches", partial(self._following.answer, asked.number, matches))
            except OSError as error:
                self._complain(error)


def _reason(status: int, text: bytes) -> str:
    try:
        return str(msgspec.json.decode(text)["reason"])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        return f"the log's keeper answers with status {status}"
