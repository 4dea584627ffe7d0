"""Writes behind: one thread takes what waits in batches, each one transaction. The event loop never waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from httpcache.store.batch import Batch, Delete, Operation, Put
from httpcache.store.counts import Counts, Fault
from httpcache.store.database import Database
from httpcache.store.eviction import Eviction

BATCH = 8 * 2**20
"""Most octets written in one transaction."""

LOG = 4 * 2**20
"""Longest write-ahead log that is left behind a batch, in bytes."""

PULSE = 0.05
"""How often the worker that evicts looks whether others have used up the budget, in seconds."""

GATHER = 0.01
"""How long what nobody waits for is gathered for one transaction, in seconds: each costs the event loop its turns."""

BREATH = 0.002
"""Pause between two steps of the chore when there is nothing else to do, in seconds."""

AGAIN = 10.0
"""When the removal of a body that could not be removed is tried again, in seconds."""

ROOM_WAIT = 1.0
"""Longest wait of another worker for room that the one that evicts is to make, in seconds."""


@dataclass(slots=True)
class _Job:
    operations: Sequence[Operation]
    size: int
    done: Callable[[bool], None] | None = None
    after: Callable[[], None] | None = None


class Writer:
    """The one thread of a worker that writes to the disk store. A failed batch is forgotten and counted."""

    def __init__(
        self,
        database: Database,
        limit: int,
        counts: Counts,
        eviction: Eviction,
        removed: Callable[[str], None],
        *,
        evicts: bool,
    ) -> None:
        """`removed` is told of each body whose segments have gone."""
        self._database = database
        self._limit = limit
        self._counts = counts
        self._eviction = eviction
        self._removed = removed
        self._evicts = evicts
        self._batch = Batch(database, counts, eviction.note_full)
        self._most = min(BATCH, eviction.budget // 100)
        self._log = max(2**18, min(LOG, eviction.budget // 100))
        self._moved = threading.Condition()
        self._jobs: deque[_Job] = deque()  # guarded by _moved, as all that follows
        self._octets = 0
        self._closing = False
        self._is_asleep = False
        self._hurry = threading.Event()
        self._waiting: dict[str, Operation] = {}
        self._later: list[tuple[float, str]] = []
        self._chore: Iterator[None] = iter(())
        self.is_done_with_chore = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    def start(self, chore: Iterator[None] | None = None) -> None:
        """Begin. A chore is done step by step, between what is to be written."""
        if chore is not None:
            self._chore = chore
        self._thread.start()

    def close(self) -> None:
        """Write what waits and end; blocks. What is added later is refused."""
        with self._moved:
            self._closing = True
            self._wake()
        if self._thread.is_alive():
            self._thread.join()

    def waiting(self, name: str) -> Operation | None:
        """What is still to be done to a value: readers see it as if it were done.

        Of a value whose write failed, an earlier one may stand in the database: it is as good as deleted.
        """
        waiting = self._waiting.get(name)
        if waiting is None and self._batch.is_in_doubt(name):
            return Delete(name)
        return waiting

    def add(
        self,
        operations: Sequence[Operation],
        *,
        done: Callable[[bool], None] | None = None,
        after: Callable[[], None] | None = None,
    ) -> bool:
        """Have operations done. False when too many octets wait already: then what they would replace goes instead.

        With `done` somebody waits for them, which bounds them already: then the limit does not apply.
        """
        size = sum(len(one.value) for one in operations if isinstance(one, Put))
        with self._moved:
            if self._closing:
                return False
            if done is None and size and self._octets and self._octets + size > self._limit:
                self._counts.refused += 1
                self._append(_Job([Delete(one.name) for one in operations], 0))
                return False
            self._append(_Job(operations, size, done, after))
        return True

    def _append(self, job: _Job) -> None:
        self._jobs.append(job)
        self._octets += job.size
        for one in job.operations:
            self._waiting[one.name] = one
        if job.done is not None or job.after is not None or self._octets > self._most:
            self._wake()
        elif self._is_asleep:
            self._is_asleep = False
            self._moved.notify_all()

    def _wake(self) -> None:
        """Have the thread take what there is at once."""
        self._hurry.set()
        self._moved.notify_all()

    async def written(self, operations: Sequence[Operation]) -> bool:
        """Have operations done and wait for it; whether they succeeded."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[bool] = loop.create_future()

        def done(succeeded: bool) -> None:
            with contextlib.suppress(RuntimeError):  # the loop may have closed
                loop.call_soon_threadsafe(_settle, result, succeeded)

        return self.add(operations, done=done) and await result

    def remove_later(self, seconds: float, body_id: str) -> None:
        """Remove the segments of a body after a while; those that the end comes before are swept at the next start."""
        with self._moved:
            heapq.heappush(self._later, (time.monotonic() + seconds, body_id))
            if self._is_asleep and self._later[0][1] == body_id:
                self._moved.notify_all()

    def _run(self) -> None:
        while True:
            with self._moved:
                if not (self._jobs or self._closing or self._is_due()):
                    self._is_asleep = True
                    self._moved.wait(self._pause())
                    self._is_asleep = False
                gathers = bool(self._jobs) and not self._closing and self._octets <= self._most
            if gathers:
                self._hurry.wait(GATHER)
            self._hurry.clear()
            with self._moved:
                jobs = self._take()
                closing = self._closing and not jobs
                due = self._take_due()
            self._batch.clear_doubts()
            self._remove(due)
            self._do(jobs)
            self._do_a_step()
            if closing:
                self._database.close_connections()
                return

    def _remove(self, bodies: list[str]) -> None:
        if bodies and not self._batch.is_locked and self._batch.remove_bodies(bodies):
            for body_id in bodies:
                self._removed(body_id)
        elif bodies and not self._closing:
            for body_id in bodies:
                self.remove_later(AGAIN, body_id)

    def _pause(self) -> float | None:
        """How long to sleep when there is nothing to do, in seconds."""
        if not self.is_done_with_chore.is_set():
            return BREATH
        if self._evicts:
            return PULSE
        return 1.0 if self._later or self._batch.has_doubts else None

    def _is_due(self) -> bool:
        return bool(self._later) and self._later[0][0] <= time.monotonic()

    def _take(self) -> list[_Job]:
        jobs: list[_Job] = []
        octets = 0
        while self._jobs and octets <= self._most:
            jobs.append(self._jobs.popleft())
            octets += jobs[-1].size
        return jobs

    def _take_due(self) -> list[str]:
        due: list[str] = []
        while self._is_due():
            due.append(heapq.heappop(self._later)[1])
        return due

    def _do(self, jobs: list[_Job]) -> None:
        operations = [one for job in jobs for one in job.operations]
        succeeded = self._batch.write(operations, room=not operations or self._has_room())
        if succeeded:
            self._eviction.note_written()
        with self._moved:
            for job in jobs:
                self._octets -= job.size
            for one in operations:
                if self._waiting.get(one.name) is one:
                    del self._waiting[one.name]
        if self._batch.is_locked:
            pass
        elif self._evicts:
            written = {f"{one.name.partition('.')[0]}.h" for one in operations}
            self._batch.guarded(Fault.EVICTION, lambda: self._eviction.make_room(written))
        else:
            self._eviction.measure()
        if operations and not self._batch.is_locked:
            self._batch.guarded(Fault.CHECKPOINT, lambda: self._database.bound_log(self._log))
        for job in jobs:
            if job.done is not None:
                job.done(succeeded)
            if job.after is not None:
                self._batch.guarded(Fault.WORK, job.after)

    def _do_a_step(self) -> None:
        """One step of the chore; one that fails ends it."""
        if not self.is_done_with_chore.is_set() and not self._batch.is_locked:
            more: list[bool] = []
            self._batch.guarded(Fault.SWEEP, lambda: more.append(next(self._chore, True) is None))
            if more != [True]:
                self.is_done_with_chore.set()

    def _has_room(self) -> bool:
        """Whether the store is within its budget, once the worker that evicts has had the time to see to it."""
        if self._evicts:
            return True
        deadline = time.monotonic() + ROOM_WAIT
        while self._eviction.measure() > self._eviction.budget * 1.01:
            if self._closing or time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _settle(result: asyncio.Future[bool], succeeded: bool) -> None:
    if not result.done():
        result.set_result(succeeded)
