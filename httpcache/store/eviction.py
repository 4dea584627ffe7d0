"""Eviction on disk: SIEVE whose queue is the order of rows in the database, see docs/decisions/0002."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from httpcache.store.shared_table import shared_memory, slot_of

SLOTS = 2**20
LOOK = 256
"""Rows looked at in one query."""


class Eviction:
    """Chooses records to drop while the store is over its budget. `visit` is for every worker, the rest for one."""

    def __init__(self, folder: Path, table: Path, budget: int) -> None:
        self.budget = budget
        self.evicted = 0
        self._database = folder / "cache.db"
        self._visited = shared_memory(table, SLOTS)
        self._hand = 0
        self._local = threading.local()
        self.used = self._measure()

    def visit(self, name: str) -> None:
        """Note that a record was read: it stays for another round."""
        self._visited[slot_of(name, SLOTS)] = 1

    def victims(self) -> Iterator[str]:
        """Names of records to remove, until the store is below its budget by a fiftieth."""
        self.used = self._measure()
        if self.used <= self.budget:
            return
        rounds = 0
        while self.used > self.budget * 0.98 and rounds < 3:
            rows = self._look()
            if not rows:
                rounds, self._hand = rounds + 1, 0
                continue
            for row, name in rows:
                self._hand = row
                slot = slot_of(name, SLOTS)
                if self._visited[slot]:
                    self._visited[slot] = 0
                    continue
                yield name
                self.evicted += 1
                self.used = self._measure()
                if self.used <= self.budget * 0.98:
                    return

    def _look(self) -> list[tuple[int, str]]:
        """The next records the hand comes to, oldest first, with their row numbers."""
        rows = self._connection().execute(
            "SELECT rowid, key FROM Cache WHERE rowid > ? AND key GLOB '*.h' ORDER BY rowid LIMIT ?",
            (self._hand, LOOK),
        )
        return [(int(row), str(key)) for row, key in rows.fetchall()]

    def names_of(self, record: str) -> list[str]:
        """Everything that is stored under the same cache key as a record: it, and its segments."""
        prefix = record.partition(".")[0]
        rows = self._connection().execute(
            "SELECT key FROM Cache WHERE key >= ? AND key < ? AND raw = 1", (f"{prefix}.", f"{prefix}/")
        )
        return [str(key) for (key,) in rows.fetchall()]

    def _measure(self) -> int:
        """Bytes in use: pages of the database that hold something, and files."""
        try:
            connection = self._connection()
            pages, free, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            (files,) = connection.execute("SELECT value FROM Settings WHERE key = 'size'").fetchone()
            return int((pages - free) * size + files)
        except sqlite3.Error:
            return 0

    def _connection(self) -> sqlite3.Connection:
        """A connection of this thread's own."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = sqlite3.connect(
                self._database, timeout=5, isolation_level=None
            )
        return connection
