"""The one place that reads a clock."""

from __future__ import annotations

import time


def now() -> float:
    """The time, in Unix seconds."""
    return time.time()


def monotonic() -> float:
    """Seconds from an arbitrary start; never steps back. For time limits and latencies."""
    return time.monotonic()
