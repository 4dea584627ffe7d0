"""Failed attempts: an address that has failed too often is refused for a while, whatever it shows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

REMEMBERED = 10_000
"""Addresses that are remembered at the most; beyond it the one that failed longest ago is forgotten."""


class Attempts:
    """Failures leak away: `most` of them within `window` seconds, and no further attempt is looked at until one has."""

    def __init__(self, most: int, window: float) -> None:
        self._most = most
        self._window = window
        self._failures: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def fail(self, who: Hashable, now: float) -> None:
        """Count a failure at a monotonic time."""
        self._failures[who] = (self._level(who, now) + 1, now)
        self._failures.move_to_end(who)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def pause(self, who: Hashable, now: float) -> float:
        """Seconds until the next attempt is looked at; 0 when it is at once. A limit of 0 is none."""
        above = self._level(who, now) + 1 - self._most
        return above * self._window / self._most if self._most and above > 0 else 0.0

    def _level(self, who: Hashable, now: float) -> float:
        level, at = self._failures.get(who, (0.0, now))
        return max(0.0, level - (now - at) * self._most / self._window)
