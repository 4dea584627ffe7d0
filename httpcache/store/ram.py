"""The RAM store: per cache key, what is stored for it and those bodies that are small enough, within a byte budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from httpcache.messages import StoredResponse
from httpcache.store.sieve import Sieve

KEY_COST = 320
"""What an entry costs beside its key, heads and bodies, in bytes: slots of dicts, the entry, tuples."""

RESPONSE_COST = 480
"""What one stored response costs beside its texts, in bytes: objects and their slots."""

LINE_COST = 170
"""What one field line costs beside its text, in bytes."""

SMALL = 2**20
"""Bodies up to this are admitted whatever the budget allows less than, in bytes."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What stands in RAM for one cache key."""

    candidates: tuple[StoredResponse, ...]
    bodies: Mapping[str, bytes]


def cost_of(key: str, shelf: Shelf) -> int:
    """What a shelf costs, in bytes."""
    heads = sum(
        RESPONSE_COST + sum(LINE_COST + len(name) + len(value) for name, value in one.fields)
        for one in shelf.candidates
    )
    return KEY_COST + 2 * len(key) + heads + sum(40 + len(body) for body in shelf.bodies.values())


class RamStore:
    """Shelves under SIEVE. Not shared between processes."""

    def __init__(self, budget: int) -> None:
        self._sieve: Sieve[Shelf] = Sieve(budget)
        self.largest = min(budget, max(budget // 100, SMALL))

    @property
    def used(self) -> int:
        """Bytes in use."""
        return self._sieve.used

    def __len__(self) -> int:
        return len(self._sieve)

    def get(self, key: str) -> Shelf | None:
        """The shelf of a cache key; counts as a use."""
        entry = self._sieve.get(key)
        return entry.value if entry is not None else None

    def put(self, key: str, candidates: tuple[StoredResponse, ...], bodies: Mapping[str, bytes]) -> None:
        """Keep these candidates, and those of `bodies` and of the bodies already here that belong to them."""
        before = self._sieve.peek(key)
        known = {**(before.value.bodies if before else {}), **bodies}
        wanted = {form.body_id for one in candidates for form in one.forms}
        kept = {name: body for name, body in known.items() if name in wanted and len(body) <= self.largest}
        if not kept:
            # Without any body, a shelf would only cost: the disk has the heads too.
            self.drop(key)
            return
        shelf = Shelf(candidates, kept)
        self._sieve.put(key, shelf, cost_of(key, shelf))

    def drop(self, key: str) -> None:
        """Drop a shelf."""
        self._sieve.remove(key)
