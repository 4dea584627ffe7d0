"""Writes behind: one thread takes what waits in batches, each one transaction. The event loop never waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import diskcache

from httpcache.store.counts import Counts
from httpcache.store.eviction import Eviction

BATCH = 8 * 2**20
"""Most octets written in one transaction."""


@dataclass(frozen=True, slots=True)
class Put:
    """Write a value."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove values."""

    names: tuple[str, ...]


def _names(operation: Put | Delete) -> tuple[str, ...]:
    return (operation.name,) if isinstance(operation, Put) else operation.names


@dataclass(slots=True)
class _Job:
    operations: Sequence[Put | Delete]
    size: int
    done: Callable[[bool], None] | None = None
    after: Callable[[], None] | None = None


@dataclass(slots=True)
class _State:
    jobs: deque[_Job] = field(default_factory=deque)
    octets: int = 0
    closing: bool = False


class Writer:
    """The one thread of a worker that writes to the disk store. A failed batch is forgotten and counted."""

    def __init__(self, cache: diskcache.Cache, limit: int, counts: Counts, eviction: Eviction | None) -> None:
        self._cache = cache
        self._limit = limit
        self._counts = counts
        self._eviction = eviction
        self._batch = BATCH if eviction is None else min(BATCH, eviction.budget // 50)
        self._state = _State()
        self._waiting: dict[str, Put | Delete] = {}
        self._later: list[tuple[float, str]] = []
        self._moved = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Write what waits and end; blocks."""
        with self._moved:
            self._state.closing = True
            self._moved.notify()
        if self._thread.is_alive():
            self._thread.join()

    def waiting(self, name: str) -> Put | Delete | None:
        """What is still to be done to a value: readers see it as if it were done."""
        return self._waiting.get(name)

    def add(
        self,
        operations: Sequence[Put | Delete],
        size: int,
        *,
        done: Callable[[bool], None] | None = None,
        after: Callable[[], None] | None = None,
    ) -> bool:
        """Have operations done; False when too many octets wait already and these are not stored."""
        with self._moved:
            if size and self._state.octets + size > self._limit and self._state.octets:
                self._counts.refused += 1
                return False
            self._state.jobs.append(_Job(operations, size, done, after))
            self._state.octets += size
            for one in operations:
                for name in _names(one):
                    self._waiting[name] = one
            self._moved.notify()
        return True

    async def written(self, operations: Sequence[Put | Delete], size: int) -> bool:
        """Have operations done and wait for it; whether they succeeded."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[bool] = loop.create_future()

        def done(succeeded: bool) -> None:
            with contextlib.suppress(RuntimeError):  # the loop may have closed
                loop.call_soon_threadsafe(_settle, result, succeeded)

        while not self.add(operations, size, done=done):
            await asyncio.sleep(0.01)
        return await result

    def later(self, seconds: float, body_id: str) -> None:
        """Remove the segments of a body after a while."""
        with self._moved:
            heapq.heappush(self._later, (time.monotonic() + seconds, body_id))
            self._moved.notify()

    def _run(self) -> None:
        while True:
            with self._moved:
                while not (self._state.jobs or self._state.closing or self._is_due()):
                    self._moved.wait(1.0 if self._later else None)
                jobs = self._take()
                closing = self._state.closing and not jobs
                due = self._take_due(everything=closing)
            self._remove_bodies(due)
            if closing:
                return
            self._do(jobs)

    def _is_due(self) -> bool:
        return bool(self._later) and self._later[0][0] <= time.monotonic()

    def _take(self) -> list[_Job]:
        jobs: list[_Job] = []
        octets = 0
        while self._state.jobs and octets <= self._batch:
            jobs.append(self._state.jobs.popleft())
            octets += jobs[-1].size
        return jobs

    def _take_due(self, *, everything: bool) -> list[str]:
        due: list[str] = []
        while self._later and (everything or self._is_due()):
            due.append(heapq.heappop(self._later)[1])
        return due

    def _do(self, jobs: list[_Job]) -> None:
        if not jobs:
            return
        succeeded = self._write([one for job in jobs for one in job.operations])
        with self._moved:
            for job in jobs:
                self._state.octets -= job.size
                for one in job.operations:
                    for name in _names(one):
                        if self._waiting.get(name) is one:
                            del self._waiting[name]
        if self._eviction is not None:
            self._guarded("eviction", self._evict)
        for job in jobs:
            if job.done is not None:
                job.done(succeeded)
            if job.after is not None:
                self._guarded("sweep", job.after)

    def _write(self, operations: Sequence[Put | Delete]) -> bool:
        if not operations:
            return True

        def write() -> None:
            with self._cache.transact():
                for one in operations:
                    if isinstance(one, Put):
                        self._cache.set(one.name, one.value)
                        self._counts.written += len(one.value)
                    else:
                        for name in one.names:
                            self._cache.delete(name)

        return self._guarded("write", write)

    def _evict(self) -> None:
        assert self._eviction is not None
        for name in self._eviction.victims():
            with self._cache.transact():
                for one in self._eviction.names_of(name):
                    self._cache.delete(one)

    def _remove_bodies(self, body_ids: list[str]) -> None:
        for body_id in body_ids:
            self._guarded("discard", lambda body_id=body_id: self._remove_body(body_id))  # type: ignore[misc]

    def _remove_body(self, body_id: str) -> None:
        index = 0
        while self._cache.delete(f"{body_id}.{index:06d}"):
            index += 1

    def _guarded(self, kind: str, work: Callable[[], None]) -> bool:
        try:
            work()
        except (OSError, sqlite3.Error, diskcache.Timeout, ValueError) as error:
            self._counts.fault(kind, error)
            return False
        return True


def _settle(result: asyncio.Future[bool], succeeded: bool) -> None:
    if not result.done():
        result.set_result(succeeded)
