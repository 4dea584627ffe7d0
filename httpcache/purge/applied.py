"""What a node has applied, durably: one database, shared by its workers, so that a restart resurrects nothing."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from httpcache.messages import PurgeMark
from httpcache.observe import metrics
from httpcache.purge.database import BUSY, is_damage, open_database, set_aside, transaction
from httpcache.purge.orders import Kind, Order
from httpcache.purge.watermarks import NamedLevel, levels_of

log = logging.getLogger("edgeward.purge")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER, n INTEGER, floor INTEGER);
INSERT OR IGNORE INTO state VALUES (1, 0, 0, 0);
CREATE TABLE IF NOT EXISTS watermarks (
    kind TEXT, name TEXT, hard INTEGER, soft INTEGER, newest INTEGER, PRIMARY KEY (kind, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS oldest ON watermarks (newest)
"""

_RAISE = """
INSERT INTO watermarks SELECT {columns} FROM json_each(?) WHERE true ON CONFLICT (kind, name) DO UPDATE SET
    hard = max(hard, excluded.hard), soft = max(soft, excluded.soft), newest = max(newest, excluded.newest)
"""
_RAISE_HARD = _RAISE.format(columns="?, key, value, 0, value")
_RAISE_SOFT = _RAISE.format(columns="?, key, 0, value, value")
"""Of one kind, names with their numbers as one JSON object: one call of SQLite, in which clients are answered. Rows
that it has to take apart cost twice as much."""

_WIDER = """
SELECT CASE WHEN kind IN ('url', 'prefix') THEN 'host' ELSE 'everything' END,
    CASE WHEN kind IN ('url', 'prefix') THEN substr(name, 1, instr(name || '/', '/') - 1) ELSE '' END,
    max(hard), max(soft)"""
"""What watermarks.wider says, for many at once."""

FOLDED = 64
"""One in so many watermarks is folded at once: workers wait for each other meanwhile."""


@dataclass(frozen=True, slots=True)
class Held:
    """Everything durable: how far, below what it is unproven, and the watermarks."""

    mark: PurgeMark
    floor: int
    levels: tuple[NamedLevel, ...]


class Applied:
    """Calls block: use it from one thread. Every worker follows the log; the first to write a batch does it for all.

    After a power cut the newest transactions may be gone: then mark and watermarks are older together, and the log
    is followed from there again. So a commit need not wait for the disk (synchronous=NORMAL).
    """

    def __init__(self, path: Path | None, limit: int) -> None:
        self._database = open_database(path, _SCHEMA, synchronous="NORMAL")
        self._limit = limit
        self._count = self._counted()

    def load(self) -> Held:
        """What is durable now."""
        with transaction(self._database):
            return self._held()

    def adopt(self, newest: PurgeMark, start: int) -> Held:
        """Go on in the epoch of `newest`, whose log has orders from `start`; what went before may have missed orders.

        Where another worker has already done so, what it has written stands.
        """
        with transaction(self._database):
            epoch, n, _ = self._state()
            if epoch != newest.epoch:
                self._database.execute("DELETE FROM watermarks")
            if epoch != newest.epoch or n < start - 1:
                self._database.execute(
                    "UPDATE state SET epoch = ?, n = ?, floor = ?", (newest.epoch, newest.n, newest.n)
                )
            return self._held()

    def persist(self, epoch: int, after: int, orders: Sequence[tuple[int, Order]]) -> bool:
        """Make a run of orders behind `after` durable; False when that does not join on to what is: then load again."""
        if not orders:
            return True
        with transaction(self._database):
            held_epoch, held_n, _ = self._state()
            if epoch != held_epoch or after > held_n:
                return False
            if orders[-1][0] > held_n:
                self._raise(level for n, order in orders if n > held_n for level in levels_of(n, order))
                self._database.execute("UPDATE state SET n = ?", (orders[-1][0],))
        return True

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _state(self) -> tuple[int, int, int]:
        epoch, n, floor = self._database.execute("SELECT epoch, n, floor FROM state").fetchone()
        return epoch, n, floor

    def _held(self) -> Held:
        epoch, n, floor = self._state()
        # The oldest first: whoever folds them meets the oldest first.
        rows = self._database.execute("SELECT kind, name, hard, soft FROM watermarks ORDER BY newest")
        levels = tuple((Kind(kind), name, (hard, soft)) for kind, name, hard, soft in rows)
        return Held(PurgeMark(epoch, n), floor, levels)

    def _raise(self, levels: Iterable[NamedLevel]) -> None:
        self._write(levels)
        if self._count > self._limit:
            self._count = self._counted()
        if self._count > self._limit:
            self._fold(self._count - self._limit + max(1, self._limit // FOLDED))

    def _write(self, levels: Iterable[NamedLevel]) -> None:
        for (statement, kind), numbers in _by_kind(levels).items():
            self._database.execute(statement, (kind, msgspec.json.encode(numbers).decode()))
            self._count += len(numbers)

    def _fold(self, count: int) -> None:
        """Fold the `count` oldest into wider ones."""
        row = self._database.execute(
            "SELECT newest FROM watermarks WHERE kind <> 'everything' ORDER BY newest LIMIT 1 OFFSET ?",
            (count - 1,),
        ).fetchone()
        oldest = "FROM watermarks WHERE newest <= ? AND kind <> 'everything'"
        folded = self._database.execute(f"{_WIDER} {oldest} GROUP BY 1, 2", row).fetchall()
        self._database.execute(f"DELETE {oldest}", row)
        self._write((kind, name, (hard, soft)) for kind, name, hard, soft in folded)
        self._count = self._counted()

    def _counted(self) -> int:
        row: tuple[int] = self._database.execute("SELECT count(*) FROM watermarks").fetchone()
        return row[0]


def _by_kind(levels: Iterable[NamedLevel]) -> dict[tuple[str, str], dict[str, int]]:
    """The highest number of each name, apart by the statement that writes it and by kind."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for kind, name, (hard, soft) in levels:
        for statement, n in ((_RAISE_HARD, hard), (_RAISE_SOFT, soft)):
            if n:
                numbers = found.setdefault((statement, kind), {})
                numbers[name] = max(n, numbers.get(name, 0))
    return found


def open_applied(path: Path, limit: int) -> Applied:
    """What a node has applied. A damaged file is set aside: the log is followed from its end, and nothing is proven.

    Raises sqlite3.Error or OSError.
    """
    try:
        return _readable(path, limit)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
    with set_aside(path) as move:
        try:
            return _readable(path, limit)  # another worker was faster
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            log.error(
                "%s is damaged (%s) and set aside: all that is stored is validated before it is used",
                path,
                error,
            )
            metrics.PURGE_DAMAGED.inc()
            move()
        return _readable(path, limit)


def _readable(path: Path, limit: int) -> Applied:
    applied = Applied(path, limit)
    try:
        applied.load()
    except sqlite3.Error:
        applied.close()
        raise
    return applied


def applied_mark(path: Path) -> PurgeMark:
    """How far a node has durably applied the log; (0, 0) where that cannot be read. Blocks."""
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY)
        ) as database:
            return PurgeMark(*database.execute("SELECT epoch, n FROM state").fetchone())
    except (sqlite3.Error, TypeError):
        return PurgeMark()
