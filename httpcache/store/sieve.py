"""SIEVE (Zhang et al., NSDI 2024) over entries of any size: a hit sets one bit, a hand looks for who has none."""

from __future__ import annotations

from typing import Generic, TypeVar

Value = TypeVar("Value")


class Entry(Generic[Value]):
    """One entry of the queue. `cost` is bytes; setting `visited` is all that a hit has to do."""

    __slots__ = ("cost", "key", "newer", "older", "value", "visited")

    def __init__(self, key: str, value: Value, cost: int) -> None:
        self.key = key
        self.value = value
        self.cost = cost
        self.visited = False
        self.newer: Entry[Value] | None = None
        self.older: Entry[Value] | None = None


class Sieve(Generic[Value]):
    """Keeps the sum of costs within `budget` bytes. Every operation is O(1), eviction amortised."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0
        self.evicted = 0
        self.entries: dict[str, Entry[Value]] = {}
        """To be read by others; only what is here puts and removes."""
        self._newest: Entry[Value] | None = None
        self._oldest: Entry[Value] | None = None
        self._hand: Entry[Value] | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def keys(self) -> list[str]:
        """The keys of all entries."""
        return list(self.entries)

    def get(self, key: str) -> Entry[Value] | None:
        """The entry, marked as visited."""
        entry = self.entries.get(key)
        if entry is not None:
            entry.visited = True
        return entry

    def peek(self, key: str) -> Entry[Value] | None:
        """The entry, as if nobody had asked."""
        return self.entries.get(key)

    def put(self, key: str, value: Value, cost: int) -> bool:
        """Keep a value in the place of an earlier one, evicting others until it fits; False when it is too large."""
        entry = self.entries.get(key)
        if cost > self.budget:
            self.remove(key)
            return False
        if entry is not None:
            self.used += cost - entry.cost
            entry.value, entry.cost = value, cost
        else:
            entry = self.entries[key] = Entry(key, value, cost)
            self.used += cost
            self._link(entry)
        while self.used > self.budget:
            self._evict(spare=entry)
        return True

    def remove(self, key: str) -> None:
        """Drop an entry, if it is there."""
        entry = self.entries.pop(key, None)
        if entry is not None:
            self.used -= entry.cost
            self._unlink(entry)

    def _link(self, entry: Entry[Value]) -> None:
        entry.older = self._newest
        if self._newest is not None:
            self._newest.newer = entry
        self._newest = entry
        if self._oldest is None:
            self._oldest = entry

    def _unlink(self, entry: Entry[Value]) -> None:
        if self._hand is entry:
            self._hand = entry.newer
        if entry.newer is not None:
            entry.newer.older = entry.older
        else:
            self._newest = entry.older
        if entry.older is not None:
            entry.older.newer = entry.newer
        else:
            self._oldest = entry.newer

    def _evict(self, spare: Entry[Value]) -> None:
        """Move the hand from old to new over those that were visited, and drop the first that was not."""
        hand = self._hand or self._oldest
        while hand is not None and (hand.visited or hand is spare):
            hand.visited = False
            hand = hand.newer or self._oldest
        assert hand is not None
        self._hand = hand.newer
        self.evicted += 1
        self.remove(hand.key)
