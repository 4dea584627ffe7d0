"""A body on its way in: written once, read by any number of clients while it arrives, each at its own pace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from httpcache.clock import monotonic
from httpcache.fetch.failures import LostOctets, NextHopError
from httpcache.fetch.held import HeldInAll, Share
from httpcache.fetch.ram_segment import RamSegment
from httpcache.fetch.reader import Located, Reader
from httpcache.messages import Octets

GoingOn = Callable[[int, int], AsyncIterator[bytes]]
"""Octets [first, end) of the same representation from elsewhere. Raises NextHopError where they are not to be had."""

PATIENCE = 2.0
"""How long those who wait for more of a body that is not kept wait for the slowest, in all, in seconds."""


FIRST_READER = 5.0
"""How long a body that is not kept waits for its first reader, in seconds: the answer may still be in the making."""


class Segments(Protocol):
    """Where the segments of a body go when RAM is not to hold them."""

    async def write(self, body_id: str, index: int, data: bytes) -> bool:
        """Keep one segment; False when it could not be kept."""
        ...

    async def read(self, body_id: str, index: int) -> bytes | None:
        """One segment, or None when it is lost."""
        ...

    async def locate(self, body_id: str, index: int) -> Located | None:
        """Where one segment stands in a file; None when it must be read."""
        ...


class ArrivingBody:
    """Octets of one response as they come from the next hop.

    At most `held` bytes stand in RAM, and one segment where `room` has no more. While `kept` is true, what is beyond
    goes to `segments`, and any reader may start at octet 0. Once it is false (not stored, or the segments cannot be
    written), octets go when every reader has had them, and nobody new may join. The writer waits for the slowest then,
    while others wait for more only for PATIENCE in all: who is behind then reads what `goes_on` brings, or ends.
    """

    def __init__(
        self,
        body_id: str,
        length: int | None,
        segments: Segments,
        *,
        size: int,
        held: int,
        room: HeldInAll | None = None,
    ) -> None:
        self.body_id = body_id
        self.length = length
        self.received = 0
        self.kept = True
        self.complete = False
        self.error: NextHopError | None = None
        self._segments = segments
        self._size = size
        self._held = max(held, size)
        self._share = Share(room or HeldInAll(2**62), size if length is None else min(length, size))
        self.goes_on: GoingOn | None = None
        """How octets are had once more: of a segment that is lost before all have read it, or by who is behind."""
        self._ram: dict[int, RamSegment] = {}
        self._spilled: set[int] = set()
        self._dropped_below = 0
        self._readers: dict[int, int] = {}
        self._behind: set[int] = set()
        self._patience = PATIENCE
        self._moved = asyncio.Event()
        self._was_left = False
        self._is_expected = True
        """Whether its first reader is still to come."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.complete or self.error is not None

    @property
    def may_be_joined(self) -> bool:
        """Whether a reader that starts at octet 0 would get everything."""
        return self.error is None and self._dropped_below == 0

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody reads it any more, and the last one left before the end of what it wanted."""
        return self._was_left and not self._readers

    @property
    def spilled(self) -> bool:
        """Whether any segment stands outside RAM."""
        return bool(self._spilled)

    def contents(self) -> bytes | None:
        """What has arrived so far, when all of it stands in RAM."""
        if self._spilled or self._dropped_below:
            return None
        return b"".join(self._ram[index].whole() for index in sorted(self._ram))

    def stop_keeping(self) -> None:
        """From here on, octets serve only those who read already."""
        self.kept = False
        self._drop_what_all_have_read()

    async def write(self, data: bytes) -> None:
        """Take the next octets; waits while RAM is full and nothing can leave it."""
        left: Octets = data
        while left:
            index, offset = divmod(self.received, self._size)
            if offset == 0:
                await self._make_room(index)
                self._ram[index] = RamSegment()
                self._count()
            part = left if len(left) <= self._size - offset else memoryview(left)[: self._size - offset]
            self._ram[index].add(part)
            self.received += len(part)
            left = memoryview(left)[len(part) :]
            self._wake()

    def _drop(self, index: int) -> None:
        del self._ram[index]
        self._count()

    def _count(self) -> None:
        self._share.holds(sum(map(self._room_of, self._ram)))

    def _room_of(self, index: int) -> int:
        """What a segment will take once all of it has come, in bytes; what it takes, once nothing more comes."""
        if self.ended:
            return len(self._ram[index])
        return self._size if self.length is None else min(self._size, self.length - index * self._size)

    def _is_over(self, index: int) -> bool:
        """Whether some segment has to leave RAM before the one at `index` begins."""
        if not self._ram:
            return False
        held = sum(map(self._room_of, self._ram)) + self._room_of(index)
        return (len(self._ram) + 1) * self._size > self._held or not self._share.has_room_for(held)

    async def flush(self) -> bool:
        """Send every segment to `segments`; False when one could not be kept."""
        for index in sorted(self._ram):
            if index not in self._spilled and not await self._spill(index):
                return False
        return True

    def finish(self) -> None:
        """Everything has come."""
        self.complete = True
        self.length = self.received
        self._share.grows_no_more(sum(map(len, self._ram.values())))
        self._wake()

    async def has_ended(self) -> bool:
        """Wait for the end; whether everything has come."""
        while not self.ended:
            await self._moved.wait()
        return self.complete

    def fail(self, error: NextHopError) -> None:
        """The next hop broke off: readers get `error` where the octets end."""
        self.error = error
        self._share.grows_no_more(sum(map(len, self._ram.values())))
        self._wake()

    def read(self, first: int = 0, end: int | None = None) -> Reader:
        """A reader of octets [first, end); it counts as present from now until it is closed."""
        return Reader(self, first, end)

    async def next_octets(self, position: int, end: int | None) -> Octets:
        """The next octets at `position`, waiting for them; empty at the end. Raises NextHopError where it broke off."""
        stop = await self._comes(position, end)
        return self._in_ram(position, stop) or await self._read(position, stop) if stop > position else b""

    async def next_part(self, position: int, end: int | None) -> Octets | Located:
        """The same, or where they stand in a file."""
        stop = await self._comes(position, end)
        if stop == position:
            return b""
        octets = self._in_ram(position, stop)
        if octets is not None:
            return octets
        index, offset = divmod(position, self._size)
        located = await self._segments.locate(self.body_id, index) if index in self._spilled else None
        stop = min(stop, (index + 1) * self._size)
        if located is None or located.length < offset + stop - position:
            return await self._read(position, stop)
        return located.part(offset, offset + stop - position)

    async def _comes(self, position: int, end: int | None) -> int:
        """Wait for octets at `position`; up to where there are some to be read, which is `position` at the end."""
        while end is None or position < end:
            if position < self.received:
                return min(end or self.received, self.received)
            if self.error is not None:
                raise self.error
            if self.complete:
                break
            await self._moved.wait()
        return position

    def place(self, reader: Reader) -> None:
        """Note that `reader` is there, or how far it has come."""
        self._is_expected = False
        if id(reader) not in self._behind:
            self._readers[id(reader)] = reader.position
        self._drop_what_all_have_read()

    def leave(self, reader: Reader) -> None:
        """Note that `reader` has gone."""
        self._behind.discard(id(reader))
        if self._readers.pop(id(reader), None) is not None:
            self._was_left = not reader.has_all
        self._drop_what_all_have_read()

    def abandon(self) -> None:
        """Note that who asked for it has gone before reading any of it, or needs none of it."""
        self._was_left = True
        self._is_expected = False
        self._wake()

    def _in_ram(self, position: int, end: int) -> Octets | None:
        index, offset = divmod(position, self._size)
        segment = self._ram.get(index)
        return segment.part(offset, min(offset + end - position, self._size)) if segment is not None else None

    async def _read(self, position: int, end: int) -> bytes:
        index, offset = divmod(position, self._size)
        data = await self._segments.read(self.body_id, index) if index in self._spilled else None
        if data is None:
            if self.goes_on is None or index not in self._spilled:
                raise LostOctets
            rest = self.goes_on(position, min(end, (index + 1) * self._size))
            return b"".join([octets async for octets in rest])
        return data[offset : offset + end - position]

    async def _make_room(self, index: int) -> None:
        while self._is_over(index):
            if self.kept:
                if not await self._spill(min(self._ram)):
                    self.stop_keeping()
            else:
                self._drop_what_all_have_read()
                if self._is_over(index) and self._is_expected:
                    await self._wait_for_the_first()
                elif self._is_over(index) and self._readers:
                    await self._wait_for_the_slowest()

    async def _wait_for_the_first(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_READER):
                await self._moved.wait()
                return
        self._is_expected = False

    async def _wait_for_the_slowest(self) -> None:
        """Wait until somebody has moved; who keeps others waiting is left behind once their patience is at its end."""
        if all(position < self.received for position in self._readers.values()):
            await self._moved.wait()
            return
        began = monotonic()
        try:
            async with asyncio.timeout(max(0.0, self._patience)):
                await self._moved.wait()
        except TimeoutError:
            oldest = min(self._ram)
            late = {one for one, position in self._readers.items() if position // self._size <= oldest}
            self._behind |= late
            for one in late:
                del self._readers[one]
        self._patience -= monotonic() - began

    async def _spill(self, index: int) -> bool:
        if not await self._segments.write(self.body_id, index, self._ram[index].whole()):
            return False
        self._spilled.add(index)
        self._drop(index)
        return True

    def _drop_what_all_have_read(self) -> None:
        if self.kept or self._is_expected:
            return
        needed = min(self._readers.values(), default=self.received) // self._size
        for index in [index for index in self._ram if index < needed]:
            self._drop(index)
            self._dropped_below = max(self._dropped_below, index + 1)
        self._wake()

    def rest_of(self, first: int, end: int | None) -> AsyncIterator[bytes]:
        """Octets [first, end) from elsewhere. Raises LostOctets where nothing tells how."""
        stop = self.length if end is None else end
        if self.goes_on is None or stop is None:
            raise LostOctets
        return self.goes_on(first, stop)

    def _wake(self) -> None:
        """Wake everyone who waits now; who waits later waits for the next move."""
        self._moved.set()
        self._moved = asyncio.Event()
