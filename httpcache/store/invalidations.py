"""When names (targets, groups) were last invalidated: a table of times, see docs/decisions/0003."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from httpcache.store.shared_table import shared_memory, slot_of

SLOTS = 65_536


class InvalidationMarks:
    """Shared by the workers of a node; survives kill -9. Two names may share a slot: one validation too many, then."""

    def __init__(self, path: Path | None) -> None:
        self.times = memoryview(shared_memory(path, SLOTS * 8)).cast("d")
        """By slot, when what stands there was invalidated last, in Unix seconds; 0 is never."""

    def mark(self, name: str, now: float) -> None:
        """Note that `name` was invalidated at `now`, in Unix seconds; a clock that steps back loses nothing."""
        slot = slot_of(name, SLOTS)
        self.times[slot] = max(self.times[slot], now)

    def is_invalidated(self, name: str, since: float) -> bool:
        """Whether `name` was invalidated at or after `since`, in Unix seconds."""
        return self.is_marked((slot_of(name, SLOTS),), since)

    def slots(self, names: Iterable[str]) -> tuple[int, ...]:
        """Where the times of names stand: for who asks often, see is_marked."""
        return tuple(slot_of(name, SLOTS) for name in names)

    def is_marked(self, slots: tuple[int, ...], since: float) -> bool:
        """Whether one of the names that stand there was invalidated at or after `since`, in Unix seconds."""
        for slot in slots:
            time = self.times[slot]
            if time and time >= since:
                return True
        return False
