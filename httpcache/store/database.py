"""The database of the disk store: how it is opened, set aside when it is damaged, and asked past diskcache."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import diskcache

from httpcache.store.counts import Counts, Fault
from httpcache.store.eviction import Row
from httpcache.store.raw_disk import NotOctets, RawDisk

IN_DATABASE = 32 * 2**10
"""Values smaller than this stand in the database, larger ones in files, in bytes."""

READ_WAIT = 0.02
"""Longest wait of a reader, which may be the event loop, for a lock on the database, in seconds."""

WRITE_WAIT = 5.0
"""Longest wait of the writing thread for a lock on the database, in seconds."""

FAULTS = (OSError, sqlite3.Error, diskcache.Timeout, NotOctets)
"""What diskcache and this module raise where the disk, the database or a row is not as it should be."""

_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
}


KNOWN = "known"
"""The file in which workers note which keys have records; see KnownKeys."""

_SELECT = "SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1"


class Database:
    """One worker's way into the disk store. Raises one of FAULTS where it cannot be opened now."""

    def __init__(self, folder: Path, counts: Counts) -> None:
        self._counts = counts
        self.folder = folder / "store"
        self._aside = folder / "store.damaged"
        self._mark = folder / "damaged"
        self._local = threading.local()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._turn = os.open(folder / "store.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._open()
        except BaseException:
            os.close(self._turn)
            raise

    def _open(self) -> None:
        """Open by turns. Only a worker that finds itself alone may set a damaged store aside: others use theirs."""
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            fcntl.flock(self._turn, fcntl.LOCK_SH)
            alone = False
        if alone:  # what an earlier run noted tells nothing of what stands there now
            with contextlib.suppress(OSError):
                (self.folder.parent / KNOWN).unlink()
        if alone and self._mark.exists():
            self._set_aside("found damaged while it was used")
        try:
            self._open_caches()
        except Exception as error:
            if not _is_foreign(error):
                raise
            if not alone:
                raise NotOctets(f"not a database of ours: {error}") from error
            self._set_aside(f"no database of ours: {error}")
            self._open_caches()
        fcntl.flock(self._turn, fcntl.LOCK_SH)

    def _open_caches(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if (self.folder / "cache.db").exists():
            self._ask_for_lock()
        self.writing = _cache(self.folder, WRITE_WAIT)
        self.reading = _cache(self.folder, READ_WAIT)

    def _ask_for_lock(self) -> None:
        """diskcache would try for minutes to open a database that somebody keeps locked."""
        with contextlib.closing(
            sqlite3.connect(self.folder / "cache.db", timeout=WRITE_WAIT, isolation_level=None)
        ) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")

    def _set_aside(self, reason: str) -> None:
        self._counts.fault(
            Fault.OPEN, f"{self.folder / 'cache.db'} is set aside, and the store begins empty: {reason}"
        )
        shutil.rmtree(self._aside, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            self.folder.rename(self._aside)
        self._mark.unlink(missing_ok=True)

    def clear_aside(self) -> None:
        """Remove what was set aside."""
        shutil.rmtree(self._aside, ignore_errors=True)

    def note_damage(self) -> None:
        """Have the next start begin with an empty store."""
        with contextlib.suppress(OSError):
            self._mark.touch(mode=0o600)

    def close(self) -> None:
        """Close for good; other threads have closed what is theirs."""
        self.close_connections()
        os.close(self._turn)

    def close_connections(self) -> None:
        """Close what this thread has open: while anything is, SQLite does not tidy up its write-ahead log."""
        for one in (self.reading, self.writing, getattr(self._local, "connection", None)):
            if one is not None:
                with contextlib.suppress(*FAULTS):
                    one.close()
        self._local.connection = None

    def value(self, name: str) -> bytes | Path | None:
        """What stands under a name, None without any. Asked past diskcache, whose own way costs several times as much.

        A file that has gone meanwhile is nothing.
        """
        connection: sqlite3.Connection | None = getattr(self._local, "reading", None)
        if connection is None:
            connection = self._local.reading = self.reading._con
        row = connection.execute(_SELECT, (name,)).fetchone()
        if row is None:
            return None
        try:
            found: bytes | Path = self.reading.disk.fetch(*row, False)
        except OSError:
            return None
        return found

    def record_names(self, after: str, count: int) -> list[str]:
        """The names of records that follow a name, in their order."""
        rows = self.connection().execute(
            "SELECT key FROM Cache WHERE raw = 1 AND key > ? AND key GLOB '*.h' ORDER BY key LIMIT ?",
            (after, count),
        )
        return [str(name) for (name,) in rows.fetchall()]

    def records_after(self, number: int, count: int) -> list[Row]:
        """The records that follow a row, oldest first; the size is that of all values under the same cache key."""
        rows = self.connection().execute(
            "SELECT rowid, key, (SELECT sum(one.size + coalesce(length(one.value), 0)) FROM Cache AS one"
            " WHERE one.key >= substr(Cache.key, 1, length(Cache.key) - 1)"
            " AND one.key < substr(Cache.key, 1, length(Cache.key) - 2) || '/')"
            " FROM Cache WHERE rowid > ? AND key GLOB '*.h' ORDER BY rowid LIMIT ?",
            (number, count),
        )
        return [Row(int(row), str(key), int(size)) for row, key, size in rows.fetchall()]

    def size_under(self, prefix: str) -> int:
        """Bytes of the values whose names begin with `prefix` and a dot."""
        (size,) = (
            self.connection()
            .execute(
                "SELECT coalesce(sum(size + coalesce(length(value), 0)), 0) FROM Cache WHERE key >= ? AND key < ?",
                _range(prefix),
            )
            .fetchone()
        )
        return int(size)

    def remove_under(self, prefixes: Iterable[str]) -> None:
        """Remove all values whose names begin with one of `prefixes` and a dot; files go after the rows have gone."""
        files: list[str] = []
        with self.transaction() as connection:
            for prefix in prefixes:
                where = "FROM Cache WHERE key >= ? AND key < ?"
                rows = connection.execute(f"SELECT filename {where}", _range(prefix)).fetchall()
                connection.execute(f"DELETE {where}", _range(prefix))
                files += [name for (name,) in rows if name]
        self.remove_files(files)

    def remove_files(self, names: Iterable[str]) -> None:
        """Remove files of values, by their names in the database."""
        for name in names:
            self.writing.disk.remove(name)

    def used(self) -> int:
        """Bytes in use: pages of the database that hold something, and files; 0 when it cannot be told."""
        try:
            connection = self.connection()
            pages, free, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            (files,) = connection.execute("SELECT value FROM Settings WHERE key = 'size'").fetchone()
            return int((pages - free) * size + files)
        except (sqlite3.Error, TypeError, ValueError):
            return 0

    def is_free(self) -> bool:
        """Whether nobody has the database locked just now."""
        try:
            connection = self.connection()
            connection.execute("PRAGMA busy_timeout = 0")
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            finally:
                connection.execute(f"PRAGMA busy_timeout = {int(WRITE_WAIT * 1000)}")
        except sqlite3.Error:
            return False
        return True

    def bound_log(self, limit: int) -> None:
        """Empty the write-ahead log when it is longer than `limit` bytes; later, where others are busy with it."""
        try:
            if (self.folder / "cache.db-wal").stat().st_size <= limit:
                return
        except OSError:
            return
        connection = self.connection()
        connection.execute(f"PRAGMA busy_timeout = {int(READ_WAIT * 1000)}")
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(WRITE_WAIT * 1000)}")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction on this thread's own connection."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def connection(self) -> sqlite3.Connection:
        """A connection of this thread's own, beside diskcache's."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = sqlite3.connect(
                self.folder / "cache.db", timeout=WRITE_WAIT, isolation_level=None
            )
        return connection


def is_locked(error: BaseException) -> bool:
    """Whether an error says that somebody else has kept the database for too long."""
    codes = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    has_code = isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in codes
    return has_code or isinstance(error, diskcache.Timeout)


def is_damage(error: BaseException) -> bool:
    """Whether an error says that the database's file is not what SQLite wrote."""
    codes = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in codes


def _is_foreign(error: BaseException) -> bool:
    """Whether what could not be opened is no database of ours, rather than busy, full or out of reach."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_BUSY) & 0xFF not in _PASSING
    return not isinstance(error, FAULTS)


def _range(prefix: str) -> tuple[str, str]:
    return f"{prefix}.", f"{prefix}/"


def _cache(folder: Path, wait: float) -> diskcache.Cache:
    """diskcache with its own eviction and statistics off: they make each read a write."""
    return diskcache.Cache(
        str(folder),
        timeout=wait,
        disk=RawDisk,
        disk_min_file_size=IN_DATABASE,
        eviction_policy="none",
        cull_limit=0,
        statistics=0,
        size_limit=2**62,
        sqlite_cache_size=2**11,
    )
