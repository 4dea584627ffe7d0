"""Writes values into diskcache's table in a few statements a batch: its own `set` takes four for each value."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from httpcache.store.raw_disk import RawDisk

ASKED = 500
"""Names that one query asks for at the most."""

_INSERT = (
    "INSERT INTO Cache(key, raw, store_time, access_time, access_count, size, mode, filename, value)"
    " VALUES (?, 1, ?, ?, 0, ?, ?, ?, ?)"
)
_UPDATE = (
    "UPDATE Cache SET store_time = ?, expire_time = NULL, access_time = ?, access_count = 0, tag = NULL,"
    " size = ?, mode = ?, filename = ?, value = ? WHERE rowid = ?"
)


def put_rows(
    connection: sqlite3.Connection, disk: RawDisk, values: Mapping[str, bytes | None], now: float
) -> list[str]:
    """Have each name stand for its value, or for nothing where that is None, within the transaction that is open.

    What comes back are files that no row names any more: to be removed once the transaction stands. `now` is Unix
    seconds.
    """
    standing = _standing(connection, list(values))
    left = [standing[name][1] for name in values if name in standing]
    new: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    gone: list[tuple[int]] = []
    for name, value in values.items():
        if value is None:
            if name in standing:
                gone.append((standing[name][0],))
            continue
        columns = disk.store(value, False, key=name)
        if name in standing:
            changed.append((now, now, *columns, standing[name][0]))
        else:
            new.append((name, now, now, *columns))
    connection.executemany(_INSERT, new)
    connection.executemany(_UPDATE, changed)
    connection.executemany("DELETE FROM Cache WHERE rowid = ?", gone)
    return [file for file in left if file]


def _standing(connection: sqlite3.Connection, names: Sequence[str]) -> dict[str, tuple[int, str | None]]:
    """Row and file of those names that have a row."""
    found: dict[str, tuple[int, str | None]] = {}
    rest = iter(names)
    while some := list(islice(rest, ASKED)):
        marks = ",".join("?" * len(some))
        rows = connection.execute(
            f"SELECT key, rowid, filename FROM Cache WHERE raw = 1 AND key IN ({marks})", some
        )
        found.update({key: (row, file) for key, row, file in rows})
    return found
