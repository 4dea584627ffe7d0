"""Batches of writes: each is one transaction that leaves nothing behind when it fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from httpcache.clock import now
from httpcache.store.budget import is_full
from httpcache.store.counts import Counts, Fault
from httpcache.store.database import FAULTS, Database, is_damage, is_locked
from httpcache.store.put_rows import put_rows

DOUBTS = 100_000
"""Cache keys in doubt that are remembered at the most; beyond it, all are until a restart."""


@dataclass(frozen=True, slots=True)
class Put:
    """Write a value."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a value."""

    name: str


Operation = Put | Delete


class Batch:
    """Writes for one thread; `is_in_doubt` is for any thread.

    When a write fails, an earlier value may still stand in the database. Its cache key is in doubt from then on:
    nothing of it is read until all of it could be removed. So the store forgets, and does not go back in time.
    """

    def __init__(self, database: Database, counts: Counts, note_full: Callable[[], None]) -> None:
        """`note_full` is told of every write that found no room on the disk."""
        self._database = database
        self._counts = counts
        self._note_full = note_full
        self._doubts: dict[str, None] = {}
        self._all_in_doubt = False
        self._was_locked = False

    @property
    def has_doubts(self) -> bool:
        """Whether anything waits to be removed."""
        return bool(self._doubts)

    @property
    def is_locked(self) -> bool:
        """Whether somebody who has kept us waiting for the database still has it: nobody waits for that twice."""
        self._was_locked = self._was_locked and not self._database.is_free()
        return self._was_locked

    def is_in_doubt(self, name: str) -> bool:
        """Whether something older than the last write may stand in the database."""
        return self._all_in_doubt or (bool(self._doubts) and _hash(name) in self._doubts)

    def _doubt(self, operations: Sequence[Operation]) -> None:
        """Note those of which anything stands in the database, or may."""
        if self._was_locked:
            self._doubts.update(dict.fromkeys(_hash(one.name) for one in operations))
            operations = ()
        for one in {_hash(one.name) for one in operations}:
            try:
                stands = self._database.size_under(one) > 0
            except FAULTS:
                stands = True
            if stands:
                self._doubts[one] = None
        if len(self._doubts) > DOUBTS:
            self._all_in_doubt = True
            self._doubts.clear()
            self._database.note_damage()

    def write(self, operations: Sequence[Operation], *, room: bool) -> bool:
        """Do all of them, or none: whether they were done. Without room what they would replace only goes."""
        if not operations:
            return True
        if not room:
            self._counts.refused += 1
            self._doubt(operations)
            self.clear_doubts()
            return False
        made: list[str] = self._database.writing.disk.made
        made.clear()
        if self.guarded(Fault.WRITE, lambda: self._write(operations)):
            self._counts.written += sum(len(one.value) for one in operations if isinstance(one, Put))
            return True
        self._doubt(operations)
        self._database.remove_files(made)
        return False

    def _write(self, operations: Sequence[Operation]) -> None:
        cache = self._database.writing
        values = {one.name: one.value if isinstance(one, Put) else None for one in operations}
        with cache.transact():
            left = put_rows(cache._con, cache.disk, values, now())
        self._database.remove_files(left)

    def clear_doubts(self) -> None:
        """Remove everything of the cache keys that are in doubt, if the database allows it now."""
        hashes = list(self._doubts)
        if (
            hashes
            and not self.is_locked
            and self.guarded(Fault.WRITE, lambda: self._database.remove_under(hashes))
        ):
            for one in hashes:
                del self._doubts[one]

    def remove_bodies(self, body_ids: Sequence[str]) -> bool:
        """Remove the segments of bodies; whether they have gone."""
        return self.guarded(Fault.DISCARD, lambda: self._database.remove_under(body_ids))

    def guarded(self, kind: Fault, work: Callable[[], None]) -> bool:
        """Do something that may fail: the thread that writes must outlive whatever the disk holds against it."""
        if self.is_locked:
            self._counts.fault(kind, "the database is still locked by somebody else")
            return False
        try:
            work()
        except Exception as error:
            self._counts.fault(kind, error)
            if is_damage(error):
                self._database.note_damage()
            self._was_locked = self._was_locked or is_locked(error)
            if is_full(error):
                self._note_full()
            self._roll_back()
            return False
        return True

    def _roll_back(self) -> None:
        """A COMMIT that failed may have left its transaction open: then no other could begin."""
        try:
            connection = self._database.writing._con
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except Exception as error:
            self._counts.fault(Fault.ROLLBACK, error)


def _hash(name: str) -> str:
    return name.partition(".")[0]
