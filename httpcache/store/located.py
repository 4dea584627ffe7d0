"""Segments that can be sent from their files: each is looked over once, then the kernel may send it unread."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from httpcache.store import records
from httpcache.store.database import Database
from httpcache.store.segments import Place

REMEMBERED = 10_000
"""Files whose content was found whole, that are remembered at the most."""


class Located:
    """Places of segments. Blocking, for any thread. Raises one of database.FAULTS."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._whole: OrderedDict[Path, tuple[int, int]] = OrderedDict()

    def place(self, name: str) -> Place | None:
        """Where the segment of that name stands; None when it is in no file or is not what was written.

        A file's name is never used again, and nobody of ours writes to a file once it has its row. One that has been
        written to all the same is looked over again.
        """
        path = self._database.reading.get(name, default=None, read=True)
        if not isinstance(path, Path):
            return None
        about = path.stat()
        as_it_was = about.st_size, about.st_mtime_ns
        if self._whole.get(path) != as_it_was:
            content = records.unseal(records.SEGMENT_MAGIC, name, path.read_bytes())
            if content is None:
                return None
            self._whole[path] = as_it_was
            if len(self._whole) > REMEMBERED:
                self._whole.popitem(last=False)
        return Place(path, records.HEAD_SIZE, about.st_size - records.HEAD_SIZE)
