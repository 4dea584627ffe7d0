"""The purge log: orders numbered in one epoch, durable and append-only, and the tokens that were used for them."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from httpcache.messages import PurgeMark
from httpcache.purge.database import is_damage, open_database, transaction
from httpcache.purge.orders import Order

KEPT_TOKENS = 3600.0
"""How long tokens that were used are remembered beyond their end, in seconds."""

MOST_OCTETS = 8 * 2**20
"""Octets of orders that are read at once."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER, start INTEGER, newest INTEGER);
CREATE TABLE IF NOT EXISTS orders (n INTEGER PRIMARY KEY, at REAL, who TEXT, content BLOB);
CREATE TABLE IF NOT EXISTS used (iss TEXT, jti TEXT, exp REAL, PRIMARY KEY (iss, jti)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS used_exp ON used (exp)
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """Orders as they were asked for: by whom, with which token (until when it is valid), when (Unix seconds).

    `body` and `token` are as they came, for a bus that passes them on.
    """

    orders: tuple[Order, ...]
    who: str
    jti: str
    exp: float
    at: float
    body: bytes = b""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Logged:
    """An order in the log."""

    n: int
    order: Order
    who: str
    at: float


class Token(NamedTuple):
    """What is remembered of a token: whose it is, which of theirs, and until when it is valid (Unix seconds)."""

    who: str
    jti: str
    exp: float


class Received(NamedTuple):
    """What a message of a log that is mirrored brings: `orders` the first time that its token comes, else `instead`."""

    orders: tuple[Logged, ...]
    token: Token | None = None
    instead: tuple[Logged, ...] = ()


class Extent(NamedTuple):
    """What a log has: orders of this epoch, numbered from `start` (or later) to `newest`."""

    epoch: int
    start: int
    newest: int


class PurgeLog:
    """Calls block: use it from one thread. `append` returns when the orders are on disk (synchronous=FULL)."""

    def __init__(self, path: Path | None, now: float) -> None:
        try:
            self._database = open_database(path, _SCHEMA, synchronous="FULL")
            with transaction(self._database):
                self._database.execute("INSERT OR IGNORE INTO log VALUES (1, ?, 1, 0)", (_new_epoch(now),))
                row = self._database.execute("SELECT epoch, start, newest FROM log").fetchone()
                self._database.execute("SELECT max(n) FROM orders").fetchone()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            begins = (
                "move it away, or restore it; either way a new epoch begins, in which all stored is validated"
            )
            raise sqlite3.DatabaseError(f"{path} is damaged ({error}): {begins}") from error
        self.extent = Extent(*row)
        """Changes as a whole, in the log's thread: whoever needs two of its numbers reads it once."""

    @property
    def epoch(self) -> int:
        """Which log it is."""
        return self.extent.epoch

    @property
    def start(self) -> int:
        """The number from which on it has orders."""
        return self.extent.start

    @property
    def newest(self) -> int:
        """The number of the newest order."""
        return self.extent.newest

    @property
    def end(self) -> PurgeMark:
        """Epoch and number of the newest order."""
        extent = self.extent
        return PurgeMark(extent.epoch, extent.newest)

    def renew(self, now: float, beyond: int) -> None:
        """Begin a new epoch, larger than `beyond`: orders were lost, so nothing joins on to this log. Numbers go on."""
        epoch = max(_new_epoch(now), self.epoch + 1, beyond + 1)
        with transaction(self._database):
            self._database.execute("DELETE FROM orders")
            self._database.execute("UPDATE log SET epoch = ?, start = newest + 1", (epoch,))
        self.extent = Extent(epoch, self.newest + 1, self.newest)

    def append(self, wishes: Sequence[Wish]) -> list[tuple[Logged, ...]]:
        """Number these orders in one transaction; none of a wish whose token has been used before."""
        made: list[tuple[Logged, ...]] = []
        n = self.newest
        with transaction(self._database):
            for wish in wishes:
                orders = wish.orders if self._use(Token(wish.who, wish.jti, wish.exp)) else ()
                run = tuple(
                    Logged(number, one, wish.who, wish.at) for number, one in enumerate(orders, n + 1)
                )
                self._insert(run)
                made.append(run)
                n += len(run)
            self._database.execute("UPDATE log SET newest = ?", (n,))
        self.extent = self.extent._replace(newest=n)
        return made

    def _insert(self, run: Iterable[Logged]) -> None:
        self._database.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?)",
            [(one.n, one.at, one.who, msgspec.json.encode(one.order)) for one in run],
        )

    def _use(self, token: Token) -> bool:
        return self._database.execute("INSERT OR IGNORE INTO used VALUES (?, ?, ?)", token).rowcount == 1

    def use(self, who: str, jti: str, exp: float) -> bool:
        """Note that a token has been used; False when it had been before."""
        with transaction(self._database):
            return self._use(Token(who, jti, exp))

    def follow(self, epoch: int, start: int) -> None:
        """Mirror the log of that epoch, which has orders from `start` on: what does not join on to it goes."""
        if epoch == self.epoch and self.newest >= start - 1:
            return
        with transaction(self._database):
            self._database.execute("DELETE FROM orders")
            if (
                epoch != self.epoch
            ):  # a stream that was made anew may bring again what the one before has brought
                self._database.execute("DELETE FROM used")
            self._database.execute(
                "UPDATE log SET epoch = ?, start = ?, newest = ?", (epoch, start, start - 1)
            )
        self.extent = Extent(epoch, start, start - 1)

    def take(self, messages: Sequence[Received]) -> list[Logged]:
        """Keep what messages of the log that is mirrored bring, which goes on where the last ones ended; what is kept.

        What comes by a token that came before is somebody's who has read it on the bus, and is not believed.
        """
        with transaction(self._database):
            run = [
                one
                for came in messages
                for one in (came.orders if came.token is None or self._use(came.token) else came.instead)
            ]
            self._insert(run)
            self._database.execute("UPDATE log SET newest = ?", (run[-1].n,))
        self.extent = self.extent._replace(newest=run[-1].n)
        return run

    def after(self, n: int, limit: int, octets: int = MOST_OCTETS) -> list[Logged]:
        """At most `limit` orders with greater numbers, in order, and about so many octets of them; one at least."""
        rows = self._database.execute(
            "SELECT n, content, who, at FROM orders WHERE n > ? ORDER BY n LIMIT ?", (n, limit)
        )
        found: list[Logged] = []
        for number, content, who, at in rows:
            octets -= len(content)
            if found and octets < 0:
                break
            found.append(Logged(number, msgspec.json.decode(content, type=Order), who, at))
        return found

    def compact(self, now: float, most_age: float, most_count: int) -> None:
        """Drop orders beyond age (seconds) or count, and tokens that have expired."""
        with transaction(self._database):
            # Longer than they are good for: clocks may be set back.
            self._database.execute("DELETE FROM used WHERE exp < ?", (now - KEPT_TOKENS,))
            start = max(self._start_of_young(now - most_age), self._start_of_newest(most_count))
            if start > self.start:
                self._database.execute("DELETE FROM orders WHERE n < ?", (start,))
                self._database.execute("UPDATE log SET start = ?", (start,))
        self.extent = self.extent._replace(start=start)

    def _start_of_young(self, since: float) -> int:
        """Where a log begins from which all before its first order from `since` or later is dropped."""
        row = self._database.execute("SELECT min(n) FROM orders WHERE at >= ?", (since,)).fetchone()
        if row[0] is None:
            return self.newest + 1
        # Numbers may have gaps: who has applied the order before has missed none.
        row = self._database.execute("SELECT max(n) FROM orders WHERE n < ?", (row[0],)).fetchone()
        return self.start if row[0] is None else int(row[0]) + 1

    def _start_of_newest(self, count: int) -> int:
        """Where a log of the newest `count` orders begins."""
        if self.newest - self.start < count:
            return self.start
        row = self._database.execute(
            "SELECT n FROM orders ORDER BY n DESC LIMIT 1 OFFSET ?", (count,)
        ).fetchone()
        return int(row[0]) + 1 if row else self.start

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def _new_epoch(now: float) -> int:
    """Time first, so that the epoch of a log that is made anew is larger than that of the one before."""
    return int(now) << 16 | secrets.randbits(16)
