"""Removes what a killed node left behind: segments that no record names, and files that no row names."""

from __future__ import annotations

import contextlib
import os
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import xxhash

from httpcache.store import records
from httpcache.store.counts import Counts, Fault
from httpcache.store.database import Database

PAGE = 200
"""Rows looked at in one step: between two, others write, and the event loop has its turn."""

_BODY = re.compile(r"[0-9a-f]{32}\.([0-9a-f]{10})([0-9a-f]{2})[0-9a-f]{10}\b")
"""How the names of bodies begin: hash of the cache key, time, worker and number."""


class Left(NamedTuple):
    """Who may have left orphans: the node's workers before it was `started`, and `worker` before it was `begun`."""

    started: float
    worker: int
    begun: float

    def has(self, segment: str) -> bool:
        """Whether the body of a segment was begun by one of them; of a name that tells no time, no."""
        match = _BODY.match(segment)
        if match is None:
            return False
        is_own = int(match[2], 16) == self.worker
        return int(match[1], 16) < (max(self.started, self.begun) if is_own else self.started) - 1


def sweep(database: Database, left: Left, counts: Counts) -> Iterator[None]:
    """Remove what was left behind, step by step: bodies that arrive now are not orphans yet."""
    database.clear_aside()
    yield
    for orphans in _orphan_bodies(database, left):
        if orphans:
            database.remove_under(orphans)
            _count(counts, len(orphans))
        yield
    for files in _orphan_files(database, left.started):
        for path in files:
            with contextlib.suppress(OSError):
                os.unlink(path)
        _count(counts, len(files))
        yield


def _count(counts: Counts, orphans: int) -> None:
    if orphans:
        counts.faults[Fault.ORPHANS] = counts.faults.get(Fault.ORPHANS, 0) + orphans


def _orphan_bodies(database: Database, left: Left) -> Iterator[list[str]]:
    """Keys of one cache key sort together, segments ("hash.0…") before the record ("hash.h") that names them."""
    after = prefix = ""
    group: set[str] = set()
    orphans: list[str] = []
    while rows := _page(database, after):
        for key, record in rows:
            own = key.partition(".")[0]
            if own != prefix:
                orphans += group
                prefix, group = own, set()
            if not key.endswith(".h"):
                if left.has(key):
                    group.add(key.rpartition(".")[0])
            elif group:
                # A record in a file is a rare and large one: all that stands beside it is taken to be named.
                group -= records.bodies_named(record, key) if record is not None else group
        after = rows[-1][0]
        yield orphans
        orphans = []
    yield list(group)


def _page(database: Database, after: str) -> list[tuple[str, bytes | None]]:
    rows = database.connection().execute(
        "SELECT key, CASE WHEN key GLOB '*.h' THEN value END FROM Cache WHERE raw = 1 AND key > ? ORDER BY key LIMIT ?",
        (after, PAGE),
    )
    return [(str(key), value if isinstance(value, bytes) else None) for key, value in rows.fetchall()]


def _orphan_files(database: Database, started: float) -> Iterator[list[Path]]:
    """Files by folder. Names that rows know are kept as hashes, eight octets for each."""
    known: array[int] = array("Q")
    for names in _named_files(database):
        known.extend(map(_hash, names))
        yield []
    known = array("Q", sorted(known))
    for folder in sorted(database.folder.glob("??/")):
        orphans: list[Path] = []
        for path in folder.glob("*.val"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < started - 1 and not _has(known, f"{folder.name}/{path.name}"):
                    orphans.append(path)
        yield orphans


def _named_files(database: Database) -> Iterator[list[str]]:
    after = 0
    query = (
        "SELECT rowid, filename FROM Cache WHERE rowid > ? AND filename IS NOT NULL ORDER BY rowid LIMIT ?"
    )
    while rows := database.connection().execute(query, (after, PAGE)).fetchall():
        after = rows[-1][0]
        yield [str(name) for _, name in rows]


def _hash(name: str) -> int:
    return xxhash.xxh3_64_intdigest(name.encode())


def _has(known: array[int], name: str) -> bool:
    wanted = _hash(name)
    at = bisect_left(known, wanted)
    return at < len(known) and known[at] == wanted
