"""Segments that can be sent from their files: each is looked over once, then the kernel may send it unread."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

from httpcache.store import records
from httpcache.store.database import Database
from httpcache.store.segments import Place, stamp_of

REMEMBERED = 10_000
"""Files whose content was found whole, that are remembered at the most."""


class Located:
    """Places of segments. Raises one of database.FAULTS."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._whole: OrderedDict[str, Place] = OrderedDict()

    def known(self, name: str) -> Place | None:
        """Where the segment of that name stands, if it was looked over before and is as it was then; never blocks long.

        A file's name is never used again, and nobody of ours writes to a file once it has its row. One that has been
        written to all the same is looked over again.
        """
        place = self._whole.get(name)
        if place is None:
            return None
        try:
            return place if stamp_of(os.stat(place.path)) == place.stamp else None
        except OSError:
            return None

    def place(self, name: str) -> Place | None:
        """Where the segment of that name stands; None when it is in no file or is not what was written. Blocking."""
        if (place := self.known(name)) is not None:
            return place
        path = self._database.reading.get(name, default=None, read=True)
        if not isinstance(path, Path):
            return None
        with path.open("rb", buffering=0) as file:
            stamp = stamp_of(os.fstat(file.fileno()))  # before it is read: what is written meanwhile tells
            content = records.unseal(records.SEGMENT_MAGIC, name, file.readall())
        if content is None:
            self._whole.pop(name, None)
            return None
        place = Place(path, records.HEAD_SIZE, len(content), stamp, name)
        self._whole[name] = place
        if len(self._whole) > REMEMBERED:
            self._whole.popitem(last=False)
        return place
