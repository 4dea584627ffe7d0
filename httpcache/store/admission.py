"""Which objects a full disk store takes at first sight: those no larger than the mean of what is missed (big2hit)."""

from __future__ import annotations


class SecondHit:
    """An object above the running mean size is admitted on its second request, remembered for two generations."""

    def __init__(self, generation: int = 100_000) -> None:
        self._generation = generation
        self._recent: set[str] = set()
        self._before: set[str] = set()
        self._mean = 0.0
        self._seen = 0

    def admits(self, name: str, size: int) -> bool:
        """Whether an object of `size` bytes that was missed just now is to be written."""
        self._seen = min(self._seen + 1, 10_000)
        self._mean += (size - self._mean) / self._seen
        if size <= self._mean:
            return True
        if name in self._recent or name in self._before:
            return True
        self._recent.add(name)
        if len(self._recent) >= self._generation:
            self._before, self._recent = self._recent, set()
        return False
