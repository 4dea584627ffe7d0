"""Belady-Size: evicts, knowing what comes, what is large and is not asked for soon. Good, and yet no bound."""

from __future__ import annotations

import random
from collections.abc import Sequence

SAMPLE, BEST = 32, 16
"""How many cached objects are looked at for a victim, and how many of the best of them once more for the next."""

NEVER = 2**62


class BeladySize:
    """Objects asked for by their place in the sequence. Sampled: to look at all of them would take hours."""

    def __init__(self, requests: Sequence[tuple[str, int]], budget: int, seed: int = 42) -> None:
        self._budget = budget
        self._used = 0
        self._sizes: dict[str, int] = {}
        self._next: dict[str, int] = {}
        self._place: dict[str, int] = {}
        self._cached: list[str] = []
        self._good: list[str] = []
        self._draw = random.Random(seed).random
        self._at = 0
        self._coming = _next_requests(requests)

    def ask(self, key: str, size: int) -> bool:
        """See Cache. Must be asked the sequence that it was made for."""
        at, self._at = self._at, self._at + 1
        coming = self._coming[at]
        hit = self._sizes.get(key) == size
        if hit:
            self._next[key] = coming
            if coming == NEVER:
                self._remove(key)
            return True
        if key in self._sizes:
            self._remove(key)
        if coming != NEVER and size <= self._budget:
            self._put(key, size, coming)
            while self._used > self._budget:
                self._remove(self._victim(at))
        return False

    def _put(self, key: str, size: int, coming: int) -> None:
        self._sizes[key], self._next[key] = size, coming
        self._place[key] = len(self._cached)
        self._cached.append(key)
        self._used += size

    def _remove(self, key: str) -> None:
        self._used -= self._sizes.pop(key)
        del self._next[key]
        place, last = self._place.pop(key), self._cached.pop()
        if last != key:
            self._cached[place] = last
            self._place[last] = place

    def _victim(self, at: int) -> str:
        count, draw, cached = len(self._cached), self._draw, self._cached
        sizes, coming = self._sizes, self._next
        names = {cached[int(draw() * count)] for _ in range(SAMPLE)}
        names.update(name for name in self._good if name in sizes)
        ranked = sorted(((sizes[name] * (coming[name] - at), name) for name in names), reverse=True)
        self._good = [name for _, name in ranked[1 : BEST + 1]]
        return ranked[0][1]


def _next_requests(requests: Sequence[tuple[str, int]]) -> list[int]:
    """For each request, when the same object is asked for again; NEVER."""
    coming = [NEVER] * len(requests)
    seen: dict[tuple[str, int], int] = {}
    for at in range(len(requests) - 1, -1, -1):
        coming[at] = seen.get(requests[at], NEVER)
        seen[requests[at]] = at
    return coming
