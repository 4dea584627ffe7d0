"""The disk store: records and segments in one diskcache, read inline, written behind by one thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import diskcache

from httpcache.messages import StoredResponse
from httpcache.store import records
from httpcache.store.counts import Counts
from httpcache.store.eviction import Eviction
from httpcache.store.raw_disk import NotOctets, RawDisk
from httpcache.store.sweep import sweep
from httpcache.store.writer import Delete, Put, Writer

log = logging.getLogger(__name__)

IN_DATABASE = 32 * 2**10
"""Values smaller than this stand in the database, larger ones in files, in bytes."""

GRACE = 60.0
"""How long segments that nothing names any more stay for those who are reading them, in seconds."""

_FAULTS = (OSError, sqlite3.Error, diskcache.Timeout, NotOctets)


def open_cache(folder: Path) -> diskcache.Cache:
    """diskcache with its own eviction and statistics off: they make each read a write."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return diskcache.Cache(
        str(folder),
        timeout=5,
        disk=RawDisk,
        disk_min_file_size=IN_DATABASE,
        eviction_policy="none",
        cull_limit=0,
        statistics=0,
        size_limit=2**62,
        sqlite_cache_size=2**13,
    )


class DiskStore:
    """What several workers of one node share. A fault makes it forget, never answer wrongly or raise."""

    def __init__(self, folder: Path, budget: int, queue: int, counts: Counts, *, evicts: bool) -> None:
        self._folder = folder / "store"
        self._counts = counts
        self._cache = open_cache(self._folder)
        self.eviction = Eviction(self._folder, folder / "visited", budget)
        self._writer = Writer(self._cache, queue, counts, self.eviction if evicts else None)
        self._evicts = evicts
        self._started = time.time()

    def start(self) -> None:
        """Start writing; the worker that evicts also sweeps what an earlier run left behind."""
        self._writer.start()
        if self._evicts:
            self._writer.add(
                [], 0, after=lambda: sweep(self._cache, self._folder, self._started, self._counts)
            )

    async def close(self) -> None:
        """Write what waits, and close."""
        await asyncio.to_thread(self._writer.close)
        with contextlib.suppress(*_FAULTS):
            self._cache.close()

    @property
    def is_pressed(self) -> bool:
        """Whether the budget is nearly used up, so that what is written costs something else its place."""
        return self.eviction.used > 0.9 * self.eviction.budget

    def new_body_id(self, key: str) -> str:
        """A name for the segments of a new body of `key`; tells the time of its making, for the sweep."""
        return f"{records.key_hash(key)}.{int(time.time()):010x}{secrets.token_hex(6)}"

    def get(self, key: str) -> tuple[StoredResponse, ...]:
        """What is stored for a key; a small read, made inline."""
        name = f"{records.key_hash(key)}.h"
        data = self._read(name)
        if data is None:
            return ()
        found = records.decode_record(data, key)
        if found is None:
            self._counts.fault("record")
            self._writer.add([Delete((name,))], 0)
            return ()
        self.eviction.visit(name)
        return found

    def put(
        self, key: str, candidates: Sequence[StoredResponse], bodies: Iterable[tuple[str, int, bytes]]
    ) -> None:
        """Have the record of a key written behind segments (body id, index, octets)."""
        name = records.key_hash(key)
        puts = [
            Put(f"{body_id}.{index:06d}", records.seal(records.SEGMENT_MAGIC, data))
            for body_id, index, data in bodies
        ]
        puts.append(Put(f"{name}.h", records.encode_record(candidates)))
        self._writer.add(puts, sum(len(one.value) for one in puts))

    def remove(self, key: str) -> None:
        """Have the record of a key removed, and its segments after a while."""
        self._writer.add([Delete((f"{records.key_hash(key)}.h",))], 0)

    async def write(self, body_id: str, index: int, data: bytes) -> bool:
        """Keep a segment of an arriving body: True once it stands on disk."""
        put = Put(f"{body_id}.{index:06d}", records.seal(records.SEGMENT_MAGIC, data))
        return await self._writer.written([put], len(put.value))

    async def read(self, body_id: str, index: int) -> bytes | None:
        """A segment, read in a thread; None when it is missing or bad."""
        return await asyncio.to_thread(self.read_now, body_id, index)

    def read_now(self, body_id: str, index: int) -> bytes | None:
        """A segment, read here and now."""
        data = self._read(f"{body_id}.{index:06d}")
        content = None if data is None else records.unseal(records.SEGMENT_MAGIC, data)
        if content is None:
            self._counts.fault("segment")
        return content

    def discard(self, body_id: str) -> None:
        """Have the segments of a body removed once nobody can be reading them any more."""
        self._writer.later(GRACE, body_id)

    def _read(self, name: str) -> bytes | None:
        waiting = self._writer.waiting(name)
        if waiting is not None:
            return waiting.value if isinstance(waiting, Put) else None
        try:
            value = self._cache.get(name, default=None)
        except _FAULTS as error:
            self._counts.fault("read", error)
            return None
        return value if isinstance(value, bytes) else None
