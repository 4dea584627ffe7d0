"""Removes what a killed node left behind: segments that no record names, and files that no row names."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from httpcache.store import records
from httpcache.store.counts import Counts
from httpcache.store.database import Database

PAGE = 1000
"""Rows looked at in one query: between two, others may write and the write-ahead log may shrink."""

_BODY = re.compile(r"[0-9a-f]{32}\.([0-9a-f]{10})[0-9a-f]{12}\b")
"""How the names of bodies begin: hash of the cache key, time and number."""


def sweep(database: Database, started: float, counts: Counts) -> None:
    """Remove orphans older than `started` (Unix seconds): bodies that arrive now are not orphans yet."""
    database.clear_aside()
    bodies = 0
    for orphans in _orphan_bodies(database, started):
        database.remove_under(orphans)
        bodies += len(orphans)
    files = _orphan_files(database, started)
    for path in files:
        with contextlib.suppress(OSError):
            os.unlink(path)
    if bodies or files:
        counts.faults["orphans"] = counts.faults.get("orphans", 0) + bodies + len(files)


def _orphan_bodies(database: Database, started: float) -> Iterator[list[str]]:
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
                if _made(key) < started - 1:
                    group.add(key.rpartition(".")[0])
            elif group:
                # A record in a file is a rare and large one: all that stands beside it is taken to be named.
                group -= records.bodies_named(record, key) if record is not None else group
        after = rows[-1][0]
        if orphans:
            yield orphans
            orphans = []
    if group:
        yield list(group)


def _page(database: Database, after: str) -> list[tuple[str, bytes | None]]:
    rows = database.connection().execute(
        "SELECT key, CASE WHEN key GLOB '*.h' THEN value END FROM Cache WHERE raw = 1 AND key > ? ORDER BY key LIMIT ?",
        (after, PAGE),
    )
    return [(str(key), value if isinstance(value, bytes) else None) for key, value in rows.fetchall()]


def _made(key: str) -> float:
    """When a segment's body began, in Unix seconds; never for what tells no time."""
    match = _BODY.match(key)
    return float(int(match[1], 16)) if match else float("inf")


def _orphan_files(database: Database, started: float) -> list[Path]:
    rows = database.connection().execute("SELECT filename FROM Cache WHERE filename IS NOT NULL")
    known = {name for (name,) in rows}
    orphans: list[Path] = []
    for path in database.folder.glob("??/*.val"):
        with contextlib.suppress(OSError):
            if f"{path.parent.name}/{path.name}" not in known and path.stat().st_mtime < started - 1:
                orphans.append(path)
    return orphans
