"""The one place that reads a clock."""

from __future__ import annotations

import time

_ELAPSING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The clock that no one sets; on Linux the one that goes on while the machine sleeps."""


def now() -> float:
    """The time, in Unix seconds, as the machine has it: for what is told to others."""
    return time.time()


def monotonic() -> float:
    """Seconds from an arbitrary start; never steps back. For time limits and latencies."""
    return time.monotonic()


class Steady:
    """Unix seconds by which ages are reckoned: a machine whose clock is set back makes nothing younger than it is.

    It follows a clock that is set forward, and comes back with it as far as time has gone by since the start.
    """

    __slots__ = ("_ahead",)

    def __init__(self) -> None:
        self._ahead = time.time() - time.clock_gettime(_ELAPSING)

    def __call__(self) -> float:
        """The time."""
        steady, told = self._ahead + time.clock_gettime(_ELAPSING), time.time()
        return told if told > steady else steady  # max() costs as much as both readings
