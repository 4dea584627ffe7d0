"""The caches that ours is compared with: LRU, FIFO and plain SIEVE, over objects of any size."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from httpcache.store.sieve import Sieve


class Cache(Protocol):
    """A cache of whole objects; keys are text, sizes bytes."""

    def ask(self, key: str, size: int) -> bool:
        """Ask for an object: whether it was there. What was not is taken in, if the cache takes it."""
        ...


class Lru:
    """Evicts what was asked for longest ago. Of two stores that both see every request, the larger tells all."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._used = 0
        self._sizes: OrderedDict[str, int] = OrderedDict()

    def ask(self, key: str, size: int) -> bool:
        """See Cache."""
        if self._sizes.get(key) == size:
            self._touch(key)
            return True
        self._used -= self._sizes.pop(key, 0)
        if size <= self._budget:
            self._sizes[key] = size
            self._used += size
            while self._used > self._budget:
                self._used -= self._sizes.popitem(last=False)[1]
        return False

    def _touch(self, key: str) -> None:
        self._sizes.move_to_end(key)


class Fifo(Lru):
    """Evicts what was taken in longest ago."""

    def _touch(self, key: str) -> None:
        """Being asked for changes nothing."""


class PlainSieve:
    """SIEVE without any admission."""

    def __init__(self, budget: int) -> None:
        self._sieve: Sieve[None] = Sieve(budget)

    def ask(self, key: str, size: int) -> bool:
        """See Cache."""
        entry = self._sieve.get(key)
        if entry is not None and entry.cost == size:
            return True
        self._sieve.put(key, None, size)
        return False
