"""The disk store: records and segments in one diskcache, read inline, written behind by one thread."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable, Sequence
from itertools import chain, count
from pathlib import Path

from httpcache.messages import StoredResponse
from httpcache.settings import StoreSettings
from httpcache.store import records
from httpcache.store.admission import SecondMiss
from httpcache.store.arrivals import Arrivals
from httpcache.store.batch import Delete, Operation, Put
from httpcache.store.budget import Budget
from httpcache.store.counts import Counts, Fault
from httpcache.store.database import FAULTS, Database
from httpcache.store.eviction import Eviction
from httpcache.store.folder import held_since
from httpcache.store.give_back import GiveBack
from httpcache.store.known import KnownKeys
from httpcache.store.located import Located
from httpcache.store.segments import Place
from httpcache.store.sweep import Left, sweep
from httpcache.store.writer import Writer

GRACE = 60.0
"""How long segments that nothing names any more stay for those who are reading them, in seconds."""


class DiskStore:
    """What several workers of one node share. A fault makes it forget, never answer wrongly or raise.

    Only making one may raise, one of FAULTS: when the folder cannot be used, or the database is kept locked.
    """

    def __init__(self, folder: Path, settings: StoreSettings, counts: Counts, worker: int) -> None:
        self._counts = counts
        self._worker = worker
        self._evicts = worker == 0
        self._share = settings.arriving
        # What a body's name says is compared with this: a worker that is started again must spare what others fetch.
        self._started = held_since(folder)
        self._database = Database(folder, counts)
        self._known = KnownKeys(folder)
        self._numbers = count(secrets.randbits(40))
        budget = Budget(settings.disk, folder)
        self.arrivals = Arrivals(folder / "arriving", worker, self._started, lambda: self.largest)
        self.eviction = Eviction(
            self._database, folder / "visited", budget, self.arrivals.total, settings.arriving
        )
        self._located = Located(self._database)
        self._admission = SecondMiss(folder / "missed", settings.disk)
        self._writer = Writer(
            self._database, settings.queue, counts, self.eviction, self.arrivals.end, evicts=self._evicts
        )
        self.giving = GiveBack(self._database, self._writer, self.eviction, self.discard)

    def start(self) -> None:
        """Start writing; the worker that evicts also sweeps what an earlier run left behind.

        Any worker does when it was killed while bodies arrived: nobody else knows that they are nobody's now.
        """
        left = Left(self._started, self._worker, time.time())
        is_needed = self._evicts or self.arrivals.were_left
        known = self._known.fill(self._database) if self._evicts else ()
        swept = sweep(self._database, left, self._counts) if is_needed else ()
        self._writer.start(chain(known, swept) if is_needed else None)

    def remove_all(self, hashes: Sequence[str]) -> None:
        """Remove all that stands under these hashes of cache keys, before it is used. Raises one of FAULTS."""
        self._database.remove_under(hashes)

    async def close(self) -> None:
        """Write what waits, and close."""
        await asyncio.to_thread(self._writer.close)
        self._database.close()

    @property
    def is_swept(self) -> bool:
        """Whether what an earlier run left behind has been removed."""
        return self._writer.is_done_with_chore.is_set()

    @property
    def is_pressed(self) -> bool:
        """Whether the budget is nearly used up, so that what is written costs something else its place."""
        return self.eviction.is_pressed

    @property
    def largest(self) -> int:
        """What bodies on their way in may take together, in bytes; so none that is larger can be kept."""
        return int(self._share * self.eviction.budget)

    def admits(self, key: str, size: int) -> bool:
        """Whether an object of `size` bytes that was missed just now is to be written; asked once for a miss."""
        return self._admission.admits(key, size, pressed=self.is_pressed)

    def new_body_id(self, key: str) -> str:
        """A name for the segments of a new body of `key`; tells when and by whom it was made, for the sweep."""
        made = f"{int(time.time()):010x}{self._worker % 256:02x}{next(self._numbers) % 2**40:010x}"
        return f"{records.key_hash(key)}.{made}"

    def get(self, key: str) -> tuple[StoredResponse, ...]:
        """What is stored for a key, as if nobody had asked; a small read, made inline."""
        name = records.record_name(key)
        data = self._read(name) if self._known.may_have(name) else None
        found = None if data is None else records.decode_record(data, key)
        if data is not None and found is None:
            self._counts.fault(Fault.RECORD)
            self._writer.add([Delete(name)])
        return found or ()

    def visit(self, key: str) -> None:
        """Note that a key was asked for and missed in RAM: this is what the disk's policy goes by."""
        self.eviction.visit(records.record_name(key))

    def put(
        self, key: str, candidates: Sequence[StoredResponse], bodies: Iterable[tuple[str, int, bytes]]
    ) -> None:
        """Have the record of a key written behind segments (body id, index, octets)."""
        puts: list[Operation] = [_segment(*one) for one in bodies]
        name = records.record_name(key)
        self._known.note(name)
        puts.append(Put(name, records.encode_record(key, candidates)))
        is_taken = self._writer.add(puts)
        for body_id in {form.body_id for one in candidates for form in one.forms}:
            if is_taken:
                self.arrivals.end(body_id)
            else:
                self.discard(body_id)

    def remove(self, key: str) -> None:
        """Have the record of a key removed; its segments are for `discard`."""
        self._writer.add([Delete(records.record_name(key))])

    async def write(self, body_id: str, index: int, data: bytes) -> bool:
        """Keep a segment of an arriving body: True once it stands on disk."""
        if not self.arrivals.grow(body_id, len(data)):
            self._counts.refused += 1
            return False
        self._hold(body_id)
        return await self._writer.written([_segment(body_id, index, data)])

    async def written(self) -> None:
        """Wait until all that was added so far is on disk, or was given up."""
        await self._writer.written([])

    def _hold(self, body_id: str) -> None:
        self.eviction.hold(f"{body_id.partition('.')[0]}.h")

    async def read(self, body_id: str, index: int) -> bytes | None:
        """A segment, read in a thread; None when it is missing or bad."""
        return await asyncio.to_thread(self.read_now, body_id, index)

    def read_now(self, body_id: str, index: int) -> bytes | None:
        """A segment, read here and now. A body that is being read stays for another round."""
        name = records.segment_name(body_id, index)
        data = self._read(name)
        content = None if data is None else records.unseal(records.SEGMENT_MAGIC, name, data)
        if content is None:
            self._counts.fault(Fault.SEGMENT)
        else:
            self._hold(body_id)
        return content

    async def locate(self, body_id: str, index: int) -> Place | None:
        """See SegmentSink. What is still to be written, or stands in the database, must be read."""
        place = self._located.known(records.segment_name(body_id, index))
        if place is None:
            return await asyncio.to_thread(self._locate, body_id, index)
        self._hold(body_id)
        return place

    def _locate(self, body_id: str, index: int) -> Place | None:
        name = records.segment_name(body_id, index)
        if self._writer.waiting(name) is not None:
            return None
        try:
            place = self._located.place(name)
        except FAULTS as error:
            self._counts.fault(Fault.READ, error)
            return None
        if place is not None:
            self._hold(body_id)
        return place

    def discard(self, body_id: str) -> None:
        """Have the segments of a body removed once nobody can be reading them any more."""
        self.arrivals.give_up(body_id)
        self._writer.remove_later(GRACE, body_id)

    def _read(self, name: str) -> bytes | None:
        waiting = self._writer.waiting(name)
        if waiting is not None:
            return waiting.value if isinstance(waiting, Put) else None
        try:
            value = self._database.value(name)
        except FAULTS as error:
            self._counts.fault(Fault.READ, error)
            return None
        return value if isinstance(value, bytes) else None


def _segment(body_id: str, index: int, data: bytes) -> Put:
    name = records.segment_name(body_id, index)
    return Put(name, records.seal(records.SEGMENT_MAGIC, name, data))
