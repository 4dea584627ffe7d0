"""How fast the other side sends: octets against the time spent waiting for them, and nothing but that time."""

from __future__ import annotations


class Pace:
    """Octets over a window of waiting. Time in which this side did not want any does not count against the other."""

    __slots__ = ("_octets", "_rate", "_waited", "_window")

    def __init__(self, rate: int, window: float) -> None:
        """At least `rate` bytes a second over each `window` seconds; 0 is any rate."""
        self._rate = rate
        self._window = window
        self._waited = 0.0
        self._octets = 0

    def is_too_slow(self, octets: int, waited: float) -> bool:
        """Count `octets` that came after `waited` seconds; whether a window has ended in which too few came."""
        self._octets += octets
        self._waited += waited
        if not self._rate or self._waited < self._window:
            return False
        is_slow = self._octets < self._rate * self._waited
        self._waited, self._octets = 0.0, 0
        return is_slow
