"""SQLite as purge uses it: WAL, one connection for one thread, files for their owner alone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY = 10.0
"""Longest wait for another process of the node to finish its transaction, in seconds."""


def open_database(path: Path | None, schema: str, *, synchronous: str) -> sqlite3.Connection:
    """Open, and make where it is not there; None keeps it in memory. Raises sqlite3.Error or OSError."""
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(
        path or ":memory:", timeout=BUSY, isolation_level=None, check_same_thread=False
    )
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA synchronous = {synchronous}")
    with transaction(database):
        for statement in schema.split(";"):
            database.execute(statement)
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing; takes the write lock at once, so that what is read stays true until it is written."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
