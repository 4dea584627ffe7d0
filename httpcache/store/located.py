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
        self._whole: OrderedDict[Path, int] = OrderedDict()

    def place(self, name: str) -> Place | None:
        """Where the segment of that name stands; None when it is in no file or is not what was written.

        A file's name is never used again, and nobody writes to a file once it has its row.
        """
        path = self._database.reading.get(name, default=None, read=True)
        if not isinstance(path, Path):
            return None
        length = self._whole.get(path)
        if length is None:
            content = records.unseal(records.SEGMENT_MAGIC, name, path.read_bytes())
            if content is None:
                return None
            length = self._whole[path] = len(content)
            if len(self._whole) > REMEMBERED:
                self._whole.popitem(last=False)
        if path.stat().st_size != records.HEAD_SIZE + length:
            return None
        return Place(path, records.HEAD_SIZE, length)
