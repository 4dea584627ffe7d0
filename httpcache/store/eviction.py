"""Eviction on disk: SIEVE whose queue is the order of rows in the database, see docs/decisions/0002."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from httpcache.clock import monotonic
from httpcache.store.shared_table import shared_memory, slot_of

SLOTS = 2**20
TICK = 8.0
"""Resolution of when a body was last read or written, in seconds."""

HELD = 3
"""Ticks for which a body that was read or written stays: a slow client must be able to ask for its next segment."""

LAST = 3
"""Times that the hand comes to the end of the queue before it takes what is held, too."""

LOOK = 256
"""Records looked at in one query, and removed in one transaction, at the most."""

LOW = 0.98
"""How far below its budget the store is brought, as a share of it."""

PRESSED = 0.9
"""From which share of the budget on the store is pressed."""


class Rows(Protocol):
    """Records and what stands beside them, in the order in which they were first written."""

    def used(self) -> int:
        """Bytes in use."""
        ...

    def records_after(self, row: int, count: int) -> list[tuple[int, str]]:
        """Row numbers and names of the records that follow a row, oldest first."""
        ...

    def size_under(self, prefix: str) -> int:
        """Bytes of the values whose names begin with `prefix` and a dot."""
        ...

    def remove_under(self, prefixes: Iterable[str]) -> None:
        """Remove all values whose names begin with one of `prefixes` and a dot."""
        ...


class Eviction:
    """Removes records while the store is over its budget. `visit` and `measure` are for every worker."""

    def __init__(self, rows: Rows, table: Path | None, budget: int) -> None:
        self.budget = budget
        self.evicted = 0
        self._rows = rows
        self._visited = shared_memory(table, SLOTS)
        self._held = shared_memory(table and table.with_name("held"), SLOTS)
        self._hand = 0
        self.used = 0
        self.measure()

    @property
    def is_pressed(self) -> bool:
        """Whether the budget is nearly used up, so that what is written costs something else its place."""
        return self.used > PRESSED * self.budget

    def visit(self, name: str) -> None:
        """Note that a record was read: it stays for another round."""
        self._visited[slot_of(name, SLOTS)] = 1

    def hold(self, name: str) -> None:
        """Note that a body of a record is being read or written now: it stays until that is some while ago."""
        slot = slot_of(name, SLOTS)
        self._visited[slot] = 1
        self._held[slot] = _tick()

    def _is_held(self, slot: int) -> bool:
        held = self._held[slot]
        return held > 0 and (_tick() - held) % 255 <= HELD

    def measure(self) -> int:
        """Bytes in use by all workers together."""
        self.used = self._rows.used()
        return self.used

    def make_room(self) -> None:
        """Remove records until the store is a fiftieth below its budget; nothing while it is within it.

        The first rounds take the visited bits away and what is not held; the last two do so with what is held, too:
        a client that loses its body asks again, while a disk that fills up serves nobody.
        """
        if self.measure() <= self.budget:
            return
        rounds = 0
        while self.used > self.budget * LOW and rounds < LAST + 2:
            rows = self._rows.records_after(self._hand, LOOK)
            if not rows:
                rounds, self._hand = rounds + 1, 0
                continue
            victims = self._choose(rows, self.used - int(self.budget * LOW), spares_held=rounds < LAST)
            if victims:
                self._rows.remove_under(victims)
                self.evicted += len(victims)
                self.measure()

    def _choose(self, rows: list[tuple[int, str]], excess: int, *, spares_held: bool) -> list[str]:
        """Move the hand over records; the cache keys' hashes of those that nobody has read since it last came by."""
        victims: list[str] = []
        for row, name in rows:
            if excess <= 0:
                break
            self._hand = row
            slot = slot_of(name, SLOTS)
            if spares_held and self._is_held(slot):
                continue
            if self._visited[slot]:
                self._visited[slot] = 0
                continue
            victims.append(name.partition(".")[0])
            excess -= self._rows.size_under(victims[-1])
        return victims


def _tick() -> int:
    """A time that all workers share, as 1 to 255; 0 is never."""
    return int(monotonic() / TICK) % 255 + 1
