"""What the stores count, and faults that are logged once in a while."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from enum import StrEnum

log = logging.getLogger(__name__)

QUIET = 60.0
"""Seconds between two log lines of one kind of fault."""


class Fault(StrEnum):
    """What a store could not do, or what it found."""

    OPEN = "open"
    READ = "read"
    RECORD = "record"
    SEGMENT = "segment"
    WRITE = "write"
    DISCARD = "discard"
    EVICTION = "eviction"
    CHECKPOINT = "checkpoint"
    WORK = "work"
    SWEEP = "sweep"
    ORPHANS = "orphans"
    ROLLBACK = "rollback"


@dataclass
class Counts:
    """Counters of one worker's stores."""

    ram_hits: int = 0
    disk_hits: int = 0
    misses: int = 0
    written: int = 0
    refused: int = 0
    faults: dict[Fault, int] = field(default_factory=dict)
    _told: dict[Fault, float] = field(default_factory=dict)

    def fault(self, kind: Fault, error: BaseException | str | None = None) -> None:
        """Count a fault that cost a slower answer; the first of its kind in a minute is logged."""
        self.faults[kind] = self.faults.get(kind, 0) + 1
        now = time.monotonic()
        if now - self._told.get(kind, -QUIET) >= QUIET:
            self._told[kind] = now
            log.warning(
                "store: %s fault (%d so far): %s",
                kind,
                self.faults[kind],
                error or "missing, or not what was written",
            )
