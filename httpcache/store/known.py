"""Which cache keys may have a record on disk: what most misses ask for has none, and then the disk is not asked."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator
from pathlib import Path

from httpcache.store.database import KNOWN, Database
from httpcache.store.shared_table import mapped, slot_of

SLOTS = 2**22
"""Octets of the table. Keys that share a slot with one that is stored cost a look at the disk, no more."""

_COMPLETE = SLOTS
"""Where the octet stands that says whether all that is on disk has been noted."""

PAGE = 1000
"""Records noted in one step."""


class KnownKeys:
    """Shared by the workers of a node, each of which notes a record before it has it written.

    What is removed stays noted until the node starts again. A node that starts forgets all, and knows nothing until it
    has looked through its disk once: until then, every key may be there.
    """

    def __init__(self, folder: Path) -> None:
        """The table in a data folder. Who opened the database there alone has removed an earlier one (Database)."""
        self._table: mmap.mmap | None = None
        with contextlib.suppress(OSError):  # not shared, it would not hear of what other workers write
            self._table = mapped(folder / KNOWN, SLOTS + 1)

    def note(self, name: str) -> None:
        """Note that a record of that name is going to be written."""
        if self._table is not None:
            self._table[slot_of(name, SLOTS)] = 1

    def may_have(self, name: str) -> bool:
        """Whether there may be a record of that name."""
        table = self._table
        return table is None or not table[_COMPLETE] or table[slot_of(name, SLOTS)] != 0

    def fill(self, database: Database) -> Iterator[None]:
        """Note all records, step by step; others write meanwhile, and note what they write."""
        after = ""
        while names := database.record_names(after, PAGE):
            for name in names:
                self.note(name)
            after = names[-1]
            yield
        if self._table is not None:
            self._table[_COMPLETE] = 1
