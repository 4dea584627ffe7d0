"""Segments of bodies outside RAM: what may be asked of them, and a scratch for nodes without a disk store."""

from __future__ import annotations

import asyncio
import os
import tempfile
from typing import IO, Protocol


class SegmentLost(Exception):
    """A segment that should be stored is missing, or is not what was written."""


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


class ScratchSegments:
    """Segments in nameless temporary files, gone when the body is done: large bodies stream, and are not kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._files: dict[str, IO[bytes]] = {}

    async def write(self, body_id: str, index: int, data: bytes) -> bool:
        """See SegmentSink."""
        try:
            file = self._files.get(body_id)
            if file is None:
                file = self._files[body_id] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by discard
            return await asyncio.to_thread(os.pwrite, file.fileno(), data, index * self._size) == len(data)
        except OSError:
            return False

    async def read(self, body_id: str, index: int) -> bytes | None:
        """See SegmentSink."""
        file = self._files.get(body_id)
        if file is None:
            return None
        return await asyncio.to_thread(os.pread, file.fileno(), self._size, index * self._size)

    def discard(self, body_id: str) -> None:
        """See SegmentSink. Readers under way keep what they have opened."""
        self._files.pop(body_id, None)
