"""Bodies on their way to disk: octets that no record names yet, of all workers together, and how many may be."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from httpcache.store.shared_table import shared_memory

WORKERS = 256
"""Workers that a node may have."""

_ROW = struct.Struct("<QQ")
"""When the node was started, in milliseconds, and how many octets arrive at one of its workers."""


@dataclass(slots=True)
class _Arriving:
    reserved: int = 0
    written: int = 0

    @property
    def octets(self) -> int:
        return max(self.reserved, self.written)


class Arrivals:
    """One worker's count, for all its threads; `others` is what the other workers of the node have told.

    What arrives cannot be evicted, since no record names it: without a bound, it would cost everything else its place.
    """

    def __init__(self, table: Path | None, worker: int, started: float, limit: Callable[[], int]) -> None:
        """`started`: when the node did, in Unix seconds. A row of an earlier run says nothing."""
        self._table = shared_memory(table, WORKERS * _ROW.size)
        self._run = max(1, int(started * 1000))
        self._at = worker % WORKERS * _ROW.size
        self._limit = limit
        self._lock = threading.Lock()
        self._bodies: dict[str, _Arriving] = {}
        self._own = 0
        self.were_left = self._row() > 0
        """Whether this worker was killed while bodies arrived: their segments are on disk, and nobody's."""
        self._tell()

    def _row(self) -> int:
        run, octets = _ROW.unpack_from(self._table, self._at)
        return int(octets) if run == self._run else 0

    def _tell(self) -> None:
        _ROW.pack_into(self._table, self._at, self._run, self._own)

    def total(self) -> int:
        """Octets of all workers, in bytes."""
        return sum(octets for run, octets in _ROW.iter_unpack(self._table[:]) if run == self._run)

    def begin(self, body_id: str, length: int) -> bool:
        """Reserve room for a body of `length` bytes; False when there is none. Ends with `end`."""
        return self._count(body_id, reserved=length, written=0)

    def grow(self, body_id: str, octets: int) -> bool:
        """Count what is written of a body now; False when that is more than may be."""
        return self._count(body_id, reserved=0, written=octets)

    def _count(self, body_id: str, *, reserved: int, written: int) -> bool:
        with self._lock:
            before = self._bodies.get(body_id, _Arriving())
            after = _Arriving(before.reserved + reserved, before.written + written)
            more = after.octets - before.octets
            if more and self.total() + more > self._limit():
                return False
            self._bodies[body_id] = after
            self._own += more
            self._tell()
            return True

    def give_up(self, body_id: str) -> None:
        """No more of a body comes: what was written of it counts until it is removed, which is when it ends."""
        with self._lock:
            if (body := self._bodies.get(body_id)) is not None:
                self._own -= body.octets - body.written
                body.reserved = 0
                if not body.written:
                    del self._bodies[body_id]
                self._tell()

    def end(self, body_id: str) -> None:
        """A record names the body from now on, or it has gone."""
        with self._lock:
            if (body := self._bodies.pop(body_id, None)) is not None:
                self._own -= body.octets
                self._tell()
