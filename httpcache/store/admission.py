"""What a full disk store takes: small objects at once, others when they were missed before, a short while ago."""

from __future__ import annotations

from pathlib import Path

from httpcache.store.shared_table import shared_memory, slot_of

SLOTS = 2**22
"""Octets of the table of what was missed: each says in which generation an object was."""

GENERATION = 0.5
"""A generation ends when this share of the disk's budget was missed; what was missed is known for one or two."""

SMALL = 0.25
"""Objects up to this share of the mean size of what is missed are admitted at once."""

TINY = 5 * 2**10
"""Objects up to this are as well: they take about a page of the database, in bytes."""

_COUNTED = 8
"""Octets behind the slots: how many bytes all workers have missed, as a number."""


class SecondMiss:
    """Admission to a disk store of `budget` bytes; the table is shared by the workers. See docs/decisions/0011."""

    def __init__(self, table: Path | None, budget: int) -> None:
        self._table = shared_memory(table, SLOTS + _COUNTED)
        self._generation = max(1, int(budget * GENERATION))
        self._mean = 0.0
        self._seen = 0

    def admits(self, name: str, size: int, *, pressed: bool) -> bool:
        """Note that an object of `size` bytes was missed; whether it is to be written.

        While the store is not pressed for room it is, whatever it is.
        """
        self._seen = min(self._seen + 1, 10_000)
        self._mean += (size - self._mean) / self._seen
        generation = self._count(size)
        slot = slot_of(name, SLOTS)
        before = self._table[slot]
        self._table[slot] = generation
        if not pressed or size <= max(TINY, SMALL * self._mean):
            return True
        return before > 0 and (generation - before) % 255 <= 1

    def _count(self, size: int) -> int:
        """The generation, 1 to 255; 0 is never. Of two workers that count at once one may not be heard: no matter."""
        missed = int.from_bytes(self._table[SLOTS:], "little") + size
        self._table[SLOTS:] = missed.to_bytes(_COUNTED, "little")
        return missed // self._generation % 255 + 1
