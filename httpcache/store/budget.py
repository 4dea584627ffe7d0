"""What the disk store may hold: what is set, and less for a while after the disk was found full before that."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import struct
from pathlib import Path

from httpcache.clock import monotonic
from httpcache.store.shared_table import shared_memory

FULL_FOR = 60.0
"""How long the budget stays lowered after a write that found the disk full, in seconds."""

STEP = 0.05
"""What one such write lowers it by, as a share of what the store held then."""

LEAST = 0.5
"""The least it is lowered to, as a share of the same: a disk that others fill is not helped by an empty store."""

LITTLE = 8 * 2**20
"""What is left to the store in any case, or a 64th of what is set where that is less, in bytes."""

BALLAST = 4 * 2**20
"""Most bytes kept in reserve: on a disk without any room left, a database cannot forget either."""

_TABLE = struct.Struct("<QQd")
"""How often the disk was found full; the lowered budget; until when it holds, by the clock that never steps."""


class Budget:
    """In bytes. `now` and `note_full` are for every worker, the rest for the one that evicts."""

    def __init__(self, setting: int, folder: Path | None = None) -> None:
        self.setting = setting
        self._table = shared_memory(folder and folder / "budget", _TABLE.size)
        self._seen = self._read()[0]
        self._base = 0
        self._has_written = True
        self._ballast = folder and folder / "ballast"

    def _read(self) -> tuple[int, int, float]:
        times, lowered, until = _TABLE.unpack(self._table[:])
        return times, lowered, until

    @property
    def now(self) -> int:
        """What the store may hold now."""
        _, lowered, until = self._read()
        # A time that is too far ahead was written before the machine was started anew.
        return min(self.setting, lowered) if 0 <= until - monotonic() <= FULL_FOR else self.setting

    def note_full(self) -> None:
        """A write has found the disk full. Of two workers that note it at once one may not be heard: no matter."""
        times, lowered, until = self._read()
        self._table[:] = _TABLE.pack(times + 1, lowered, until)

    def note_written(self) -> None:
        """A write was done."""
        self._has_written = True

    def give_way(self, used: int) -> None:
        """Lower the budget if the disk was found full since this was last called, while the store held `used`."""
        times, _, _ = self._read()
        if times == self._seen:
            if self._has_written and self.now == self.setting:
                self._keep_ballast()
            return
        self._seen = times
        self._drop_ballast()
        if self._has_written and self.now == self.setting:
            self._base = used
        self._has_written = False
        least = max(LEAST * self._base, min(LITTLE, self.setting // 64))
        lowered = max(least, min(self.now, used) - STEP * self._base)
        self._table[:] = _TABLE.pack(times, int(lowered), monotonic() + FULL_FOR)

    def _keep_ballast(self) -> None:
        """Reserve blocks that `give_way` can give back."""
        if self._ballast is None or self._ballast.exists():
            return
        try:
            descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, max(1, min(BALLAST, self.setting // 128)))
            finally:
                os.close(descriptor)
        except OSError:
            self._drop_ballast()

    def _drop_ballast(self) -> None:
        if self._ballast is not None:
            with contextlib.suppress(OSError):
                self._ballast.unlink()


def is_full(error: BaseException) -> bool:
    """Whether an error says that there is no room left, on the disk or in a quota."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
