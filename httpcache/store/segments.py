"""Segments of bodies outside RAM: what may be asked of them, and a scratch for nodes without a disk store."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from httpcache.store.records import SEGMENT_MAGIC, unseal

GRACE = 60.0
"""How long a discarded body stays after it was last read, in seconds."""


class SegmentLost(Exception):
    """A segment that should be stored is missing, or is not what was written."""


Stamp = tuple[int, int, int]
"""What tells a file that has been written to from what it was: inode, size, time of change in nanoseconds."""


class Place(NamedTuple):
    """Octets in a file that was looked over when it bore `stamp`. It may be gone, or another, when it is opened."""

    path: Path
    offset: int
    length: int
    stamp: Stamp
    name: str = ""
    """The segment's name, by which its octets can be looked over again."""

    def part(self, first: int, end: int) -> Place:
        """Octets [first, end) of it."""
        return self._replace(offset=self.offset + first, length=end - first)

    def opened(self) -> int:
        """A descriptor of the file, to be closed.

        Raises OSError where it is gone or has been written to since it was looked over.
        """
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        if not self.is_as_it_was(descriptor):
            os.close(descriptor)
            raise OSError(f"written to since it was looked over: {self.path}")
        return descriptor

    def is_whole(self, descriptor: int) -> bool:
        """Whether the octets of an open file are what was written: a medium can lose them and leave the stamp."""
        size = os.fstat(descriptor).st_size
        return unseal(SEGMENT_MAGIC, self.name, os.pread(descriptor, size, 0)) is not None

    def is_as_it_was(self, descriptor: int) -> bool:
        """Whether an open file is still what was looked over."""
        return stamp_of(os.fstat(descriptor)) == self.stamp


def stamp_of(about: os.stat_result) -> Stamp:
    """The stamp of a file."""
    return about.st_ino, about.st_size, about.st_mtime_ns


class SegmentSink(Protocol):
    """Where segments go while a body arrives, and come from."""

    async def write(self, body_id: str, index: int, data: bytes) -> bool:
        """Keep a segment; False when it could not be."""
        ...

    async def read(self, body_id: str, index: int) -> bytes | None:
        """A segment, or None."""
        ...

    def discard(self, body_id: str) -> None:
        """Drop all segments of a body."""
        ...

    async def locate(self, body_id: str, index: int) -> Place | None:
        """Where a segment's octets stand in a file, to be sent from there; None when they must be read."""
        ...


class _Scratch:
    """The nameless file of one body, and the length of each segment that is in it."""

    def __init__(self, folder: Path | None) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 - lives with the body
        self.lengths: dict[int, int] = {}
        self.read_at = 0.0
        self.discarded = False


class ScratchSegments:
    """Segments of `size` bytes in nameless temporary files: large bodies stream through, and are not kept.

    A discarded body goes when nobody has read it for GRACE seconds: clients that are slow may still be at it.
    """

    def __init__(
        self, size: int, folder: Path | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._size = size
        self._folder = folder
        self._monotonic = monotonic
        self._bodies: dict[str, _Scratch] = {}

    def __len__(self) -> int:
        return len(self._bodies)

    async def write(self, body_id: str, index: int, data: bytes) -> bool:
        """See SegmentSink."""
        self._clear()
        try:
            body = self._bodies.get(body_id)
            if body is None:
                body = self._bodies[body_id] = _Scratch(self._folder)
            if await asyncio.to_thread(_write, body.file, data, index * self._size) != len(data):
                return False
        except OSError:
            return False
        body.lengths[index] = len(data)
        return True

    async def read(self, body_id: str, index: int) -> bytes | None:
        """See SegmentSink."""
        body = self._bodies.get(body_id)
        length = body.lengths.get(index) if body is not None else None
        if body is None or length is None:
            return None
        body.read_at = self._monotonic()
        try:
            data = await asyncio.to_thread(_read, body.file, length, index * self._size)
        except OSError:
            return None
        return data if len(data) == length else None

    def discard(self, body_id: str) -> None:
        """See SegmentSink."""
        body = self._bodies.get(body_id)
        if body is not None:
            body.discarded, body.read_at = True, self._monotonic()
        self._clear()

    async def locate(self, body_id: str, index: int) -> Place | None:
        """See SegmentSink: files without a name have no place."""
        return None

    def _clear(self) -> None:
        limit = self._monotonic() - GRACE
        for body_id in [
            one for one, body in self._bodies.items() if body.discarded and body.read_at <= limit
        ]:
            del self._bodies[body_id]


# The thread is given the file, not its descriptor: a call whose awaiting task has gone must not meet the descriptor
# closed, and opened again for something else.
def _write(file: IO[bytes], data: bytes, at: int) -> int:
    return os.pwrite(file.fileno(), data, at)


def _read(file: IO[bytes], length: int, at: int) -> bytes:
    return os.pread(file.fileno(), length, at)
