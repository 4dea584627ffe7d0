"""The one place that reads a clock."""

from __future__ import annotations

import time
from collections.abc import Callable

_ELAPSING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The clock that no one sets; on Linux the one that goes on while the machine sleeps."""


now = time.time
"""The time, in Unix seconds, as the machine has it: for what is told to others."""

monotonic = time.monotonic
"""Seconds from an arbitrary start; never steps back. For time limits and latencies."""


def steady() -> Callable[[], float]:
    """A clock of Unix seconds by which ages are reckoned: when the machine's is set back, nothing gets younger by it.

    It follows a clock that is set forward, and comes back with it as far as time has gone by since the start.
    """
    ahead = time.time() - time.clock_gettime(_ELAPSING)

    def read() -> float:
        least, told = ahead + time.clock_gettime(_ELAPSING), time.time()
        return told if told > least else least  # max() costs as much as both readings

    return read
