"""Eviction on disk: a SIEVE that counts and weighs, over rows in their order; see docs/decisions/0002 and 0011."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from math import ceil
from pathlib import Path
from typing import NamedTuple, Protocol

from httpcache.clock import monotonic
from httpcache.store.budget import Budget
from httpcache.store.shared_table import shared_memory, slot_of

SLOTS = 2**20
VISITS = 7
"""Visits that are counted at the most."""

LARGE = 2.0
"""From so many times the mean size on, an object loses all its visits in one round; a smaller one at least one."""

TICK = 8.0
"""Resolution of when a body was last read or written, in seconds."""

HELD = 3
"""Ticks for which a body that was read or written stays: a slow client must be able to ask for its next segment."""

LAST = 10
"""Times that the hand comes to the end of the queue before it takes what is held, too: none has visits left then."""

LOOK = 256
"""Records looked at in one query, and removed in one transaction, at the most."""

LOW = 0.985
"""How far below its budget the store is brought, as a share of it."""

PRESSED = 0.9
"""From which share of the budget on the store is pressed."""


class Row(NamedTuple):
    """A record: its row's number, its name, and the bytes of all that stands with it under one cache key."""

    number: int
    name: str
    size: int


class Rows(Protocol):
    """Records and what stands beside them, in the order in which they were first written."""

    def used(self) -> int:
        """Bytes in use."""
        ...

    def records_after(self, number: int, count: int) -> list[Row]:
        """The records that follow a row, oldest first."""
        ...

    def remove_under(self, prefixes: Iterable[str]) -> None:
        """Remove all values whose names begin with one of `prefixes` and a dot."""
        ...


class Eviction:
    """Removes records while the store is over its budget. `visit` and `measure` are for every worker."""

    def __init__(
        self,
        rows: Rows,
        table: Path | None,
        budget: Budget | int,
        arriving: Callable[[], int] = lambda: 0,
        share: float = 0.5,
    ) -> None:
        """`arriving`: bytes that no record names yet; `share`: how much of the budget they may be."""
        self._budget = Budget(budget) if isinstance(budget, int) else budget
        self._arriving = arriving
        self._share = share
        self.evicted = 0
        self._rows = rows
        self._visits = shared_memory(table, SLOTS)
        self._held = shared_memory(table and table.with_name("held"), SLOTS)
        self._hand = 0
        self._mean = 0.0
        self.used = 0
        self.measure()

    @property
    def budget(self) -> int:
        """What the store may hold now, in bytes."""
        return self._budget.now

    @property
    def is_pressed(self) -> bool:
        """Whether the budget is nearly used up, so that what is written costs something else its place."""
        return self.used > PRESSED * self.budget

    def note_full(self) -> None:
        """A write has found the disk full: the store is over its budget, whatever it holds."""
        self._budget.note_full()

    def note_written(self) -> None:
        """A write was done."""
        self._budget.note_written()

    def visit(self, name: str) -> None:
        """Note that a record was read: it stays for another round."""
        slot = slot_of(name, SLOTS)
        self._visits[slot] = min(self._visits[slot] + 1, VISITS)

    def hold(self, name: str) -> None:
        """Note that a body of a record is being read or written now: it stays until that is some while ago."""
        self._held[slot_of(name, SLOTS)] = _tick()

    def is_held(self, name: str) -> bool:
        """Whether a body of a record was read or written a short while ago."""
        return self._is_held(slot_of(name, SLOTS))

    def _is_held(self, slot: int) -> bool:
        held = self._held[slot]
        return held > 0 and (_tick() - held) % 255 <= HELD

    def measure(self) -> int:
        """Bytes in use by all workers together."""
        self.used = self._rows.used()
        return self.used

    def make_room(self, written: Collection[str] = ()) -> None:
        """Remove records until the store is a little below its budget; nothing while it is within it.

        The first rounds take visits away, and what is neither held nor was `written` just now (names of records);
        the last takes that, too: a client that loses its body asks again, while a disk that fills up serves nobody.
        """
        self._budget.give_way(self.measure())
        if self.used <= self.budget:
            return
        rounds = 0
        while (excess := self._excess()) > 0 and rounds <= LAST:
            rows = self._rows.records_after(self._hand, LOOK)
            if not rows:
                rounds, self._hand = rounds + 1, 0
                continue
            victims = self._choose(rows, excess, written if rounds < LAST else None)
            if victims:
                self._rows.remove_under(victims)
                self.evicted += len(victims)
                self.measure()

    def _excess(self) -> int:
        """Bytes to be removed. What arrives is bounded; were it more all the same, nothing stored would go for that."""
        goal = self.budget * LOW
        return int(min(self.used - goal, self.used - self._arriving() - goal * (1 - self._share)))

    def _choose(self, rows: list[Row], excess: int, spared: Collection[str] | None) -> list[str]:
        """Move the hand over records; the cache keys' hashes of those that have no visit left.

        With None to be spared, what is held is not either.
        """
        victims: list[str] = []
        for row in rows:
            if excess <= 0:
                break
            self._hand = row.number
            self._mean += (row.size - self._mean) / 1000 if self._mean else max(1, row.size)
            slot = slot_of(row.name, SLOTS)
            if spared is not None and (row.name in spared or self._is_held(slot)):
                continue
            if self._visits[slot]:
                self._visits[slot] = max(0, self._visits[slot] - self._weight(row.size))
                continue
            victims.append(row.name.partition(".")[0])
            excess -= row.size
        return victims

    def _weight(self, size: int) -> int:
        """Visits that one round costs an object."""
        return max(1, min(VISITS, ceil(VISITS * size / (LARGE * self._mean))))


def _tick() -> int:
    """A time that all workers share, as 1 to 255; 0 is never."""
    return int(monotonic() / TICK) % 255 + 1
