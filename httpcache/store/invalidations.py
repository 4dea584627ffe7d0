"""When names (targets, groups) were last invalidated: a table of times, see docs/decisions/0003."""

from __future__ import annotations

import struct
from pathlib import Path

from httpcache.store.shared_table import shared_memory, slot_of

SLOTS = 65_536
_TIME = struct.Struct("<d")


class InvalidationMarks:
    """Shared by the workers of a node; survives kill -9. Two names may share a slot: one validation too many, then."""

    def __init__(self, path: Path | None) -> None:
        self._memory = shared_memory(path, SLOTS * _TIME.size)

    def mark(self, name: str, now: float) -> None:
        """Note that `name` was invalidated at `now`, in Unix seconds; a clock that steps back loses nothing."""
        at = slot_of(name, SLOTS) * _TIME.size
        (before,) = _TIME.unpack_from(self._memory, at)
        _TIME.pack_into(self._memory, at, max(before, now))

    def is_invalidated(self, name: str, since: float) -> bool:
        """Whether `name` was invalidated at or after `since`, in Unix seconds."""
        (time,) = _TIME.unpack_from(self._memory, slot_of(name, SLOTS) * _TIME.size)
        return bool(time and time >= since)
