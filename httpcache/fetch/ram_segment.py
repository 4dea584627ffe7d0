"""A segment of a body in RAM while it arrives: octets as they came, shared by all who read them, copied for none."""

from __future__ import annotations

from bisect import bisect_right

from httpcache.messages import Octets

JOINED = 32 * 2**10
"""Runs shorter than this are put together as they come, in bytes: who is behind is not given them one by one."""


class RamSegment:
    """Runs of octets, one behind the other."""

    __slots__ = ("_runs", "_starts", "length")

    def __init__(self) -> None:
        self._runs: list[Octets] = []
        self._starts: list[int] = []
        self.length = 0
        """Octets that it has, in bytes."""

    def __len__(self) -> int:
        return self.length

    def add(self, octets: Octets) -> None:
        """Take the octets that come next."""
        if self._runs and len(self._runs[-1]) + len(octets) <= JOINED:
            self._runs[-1] = b"".join((self._runs[-1], octets))
        else:
            self._starts.append(self.length)
            self._runs.append(octets)
        self.length += len(octets)

    def part(self, first: int, end: int) -> Octets:
        """Octets from `first` on, before `end`: as many of them as stand in one run."""
        number = bisect_right(self._starts, first) - 1
        run, start = self._runs[number], self._starts[number]
        if first == start and end >= start + len(run):
            return run
        return memoryview(run)[first - start : end - start]

    def whole(self) -> bytes:
        """All octets that it has."""
        run = self._runs[0] if len(self._runs) == 1 else b"".join(self._runs)
        if not isinstance(run, bytes):
            run = bytes(run)
        self._runs, self._starts = [run], [0]
        return run
