"""SQLite as purge uses it: WAL, one connection for one thread, files for their owner alone."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {synchronous}")
        with transaction(database):
            for statement in schema.split(";"):
                database.execute(statement)
    except BaseException:
        database.close()
        raise
    return database


def is_damage(error: Exception) -> bool:
    """Whether an error says that the file itself is broken, and no database or no whole one any more."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without its extension
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def set_aside(path: Path) -> Iterator[Callable[[], None]]:
    """Gives a call that sets a damaged database aside; only one process of a node does so at a time. Raises OSError."""

    def move() -> None:
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.replace(f"{path}{suffix}", f"{path}.damaged{suffix}")

    with open(f"{path}.lock", "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield move


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing; takes the write lock at once, so that what is read stays true until it is written."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")  # a damaged file may have ended the transaction already
        raise
    database.execute("COMMIT")
