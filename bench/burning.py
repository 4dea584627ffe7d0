"""A process that only burns processor time, so much in each period: what others feel of that is not our doing."""

from __future__ import annotations

import sys
import time


def burn(at: float, cost: float, period: float, seconds: float) -> None:
    """From Unix time `at`, for so many seconds: `cost` seconds of processor time in each period."""
    time.sleep(max(0.0, at - time.time()))
    began = time.perf_counter()
    for number in range(int(seconds / period)):
        time.sleep(max(0.0, began + number * period - time.perf_counter()))
        end = time.thread_time() + cost
        while time.thread_time() < end:
            pass


if __name__ == "__main__":
    burn(*map(float, sys.argv[1:5]))
