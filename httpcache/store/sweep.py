"""Removes what a killed node left behind: segments that no record names, and files that no row names."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from pathlib import Path

import diskcache

from httpcache.store import records
from httpcache.store.counts import Counts

BATCH = 500

_BODY = re.compile(r"[0-9a-f]{32}\.([0-9a-f]{10})[0-9a-f]{12}\b")
"""How the names of segments begin: hash of the cache key, time and number of the body."""


def sweep(cache: diskcache.Cache, folder: Path, started: float, counts: Counts) -> None:
    """Remove orphans older than `started` (Unix seconds): bodies that arrive now are not orphans yet."""
    connection = sqlite3.connect(folder / "cache.db", timeout=5, isolation_level=None)
    try:
        orphans = _orphan_segments(connection, started)
        for at in range(0, len(orphans), BATCH):
            with cache.transact():
                for name in orphans[at : at + BATCH]:
                    cache.delete(name)
        files = _orphan_files(connection, folder, started)
    finally:
        connection.close()
    for path in files:
        with contextlib.suppress(OSError):
            os.unlink(path)
    if orphans or files:
        counts.faults["orphans"] = counts.faults.get("orphans", 0) + len(orphans) + len(files)


def _orphan_segments(connection: sqlite3.Connection, started: float) -> list[str]:
    """Keys of one cache key sort together, segments ("hash.0…") before the record ("hash.h") that names them."""
    orphans: list[str] = []
    group: dict[str, list[str]] = {}
    prefix = ""
    for key, mode, value in connection.execute(
        "SELECT key, mode, CASE WHEN key GLOB '*.h' THEN value END FROM Cache WHERE raw = 1 ORDER BY key"
    ):
        own = key.partition(".")[0]
        if own != prefix:
            orphans += [name for names in group.values() for name in names]
            prefix, group = own, {}
        if key.endswith(".h"):
            named = _named(value) if mode == 1 and isinstance(value, bytes) else set(group)
            for body_id in named:
                group.pop(body_id, None)
        elif _made(key) < started - 1:
            group.setdefault(key.rpartition(".")[0], []).append(key)
    return orphans + [name for names in group.values() for name in names]


def _named(record: bytes) -> set[str]:
    """The bodies that a record names."""
    return {form.body_id for one in records.decode_any(record) for form in one.forms}


def _made(key: str) -> float:
    """When a segment's body began, in Unix seconds; never for what tells no time."""
    match = _BODY.match(key)
    return float(int(match[1], 16)) if match else float("inf")


def _orphan_files(connection: sqlite3.Connection, folder: Path, started: float) -> list[Path]:
    known = {name for (name,) in connection.execute("SELECT filename FROM Cache WHERE filename IS NOT NULL")}
    orphans: list[Path] = []
    for path in folder.glob("??/*.val"):
        with contextlib.suppress(OSError):
            if f"{path.parent.name}/{path.name}" not in known and path.stat().st_mtime < started - 1:
                orphans.append(path)
    return orphans
