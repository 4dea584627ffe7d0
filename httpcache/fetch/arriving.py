"""A body on its way in: written once, read by any number of clients while it arrives, each at its own pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from httpcache.fetch.failures import NextHopError
from httpcache.fetch.ram_segment import RamSegment
from httpcache.messages import Octets


class Located(Protocol):
    """Octets that stand in a file, from which they can be sent."""

    @property
    def length(self) -> int:
        """How many, in bytes."""
        ...

    def part(self, first: int, end: int) -> Located:
        """Octets [first, end) of it."""
        ...


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

    At most `held` bytes stand in RAM. While `kept` is true, what is beyond goes to `segments`, and any reader may
    start at octet 0. Once it is false (not stored, or the segments cannot be written), octets go when every reader
    has had them, the writer waits for the slowest, and nobody new may join.
    """

    def __init__(self, body_id: str, length: int | None, segments: Segments, *, size: int, held: int) -> None:
        self.body_id = body_id
        self.length = length
        self.received = 0
        self.kept = True
        self.complete = False
        self.error: NextHopError | None = None
        self._segments = segments
        self._size = size
        self._held = max(held, size)
        self.goes_on: Callable[[int, int], AsyncIterator[bytes]] | None = None
        """Octets [first, end) from the next hop once more, where a segment is lost before all have read it."""
        self._ram: dict[int, RamSegment] = {}
        self._spilled: set[int] = set()
        self._dropped_below = 0
        self._readers: dict[int, int] = {}
        self._moved = asyncio.Event()
        self._was_left = False

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
            part = left if len(left) <= self._size - offset else memoryview(left)[: self._size - offset]
            if index not in self._ram:
                self._ram[index] = RamSegment()
            self._ram[index].add(part)
            self.received += len(part)
            left = memoryview(left)[len(part) :]
            self._wake()
            if len(self._ram) * self._size > self._held:
                await self._make_room(index)

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
        self._wake()

    async def has_ended(self) -> bool:
        """Wait for the end; whether everything has come."""
        while not self.ended:
            await self._moved.wait()
        return self.complete

    def fail(self, error: NextHopError) -> None:
        """The next hop broke off: readers get `error` where the octets end."""
        self.error = error
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
        located = await self._segments.locate(self.body_id, index)
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
        self._readers[id(reader)] = reader.position
        self._drop_what_all_have_read()

    def leave(self, reader: Reader) -> None:
        """Note that `reader` has gone."""
        if self._readers.pop(id(reader), None) is not None:
            self._was_left = not reader.has_all
        self._drop_what_all_have_read()

    def abandon(self) -> None:
        """Note that who asked for it has gone before reading any of it, or needs none of it."""
        self._was_left = True

    def _in_ram(self, position: int, end: int) -> Octets | None:
        index, offset = divmod(position, self._size)
        segment = self._ram.get(index)
        return segment.part(offset, min(offset + end - position, self._size)) if segment is not None else None

    async def _read(self, position: int, end: int) -> bytes:
        index, offset = divmod(position, self._size)
        data = await self._segments.read(self.body_id, index)
        if data is None:
            if self.goes_on is None:
                raise NextHopError.lost_segment()
            rest = self.goes_on(position, min(end, (index + 1) * self._size))
            return b"".join([octets async for octets in rest])
        return data[offset : offset + end - position]

    async def _make_room(self, current: int) -> None:
        while len(self._ram) * self._size > self._held:
            if self.kept:
                oldest = min(self._ram)
                if oldest == current and len(self._ram[oldest]) < self._size:
                    return
                if not await self._spill(oldest):
                    self.stop_keeping()
            else:
                self._drop_what_all_have_read()
                if len(self._ram) * self._size > self._held and self._readers:
                    await self._moved.wait()

    async def _spill(self, index: int) -> bool:
        if not await self._segments.write(self.body_id, index, self._ram[index].whole()):
            return False
        self._spilled.add(index)
        del self._ram[index]
        return True

    def _drop_what_all_have_read(self) -> None:
        if self.kept:
            return
        needed = min(self._readers.values(), default=self.received) // self._size
        for index in [index for index in self._ram if index < needed]:
            del self._ram[index]
            self._dropped_below = max(self._dropped_below, index + 1)
        self._wake()

    def _wake(self) -> None:
        """Wake everyone who waits now; who waits later waits for the next move."""
        self._moved.set()
        self._moved = asyncio.Event()


class Reader:
    """One client's way through an arriving body: an async iterator that must be closed."""

    __slots__ = ("_body", "_end", "position")

    def __init__(self, body: ArrivingBody, first: int, end: int | None) -> None:
        self._body = body
        self._end = end
        self.position = first
        body.place(self)

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> Octets:
        octets = await self._body.next_octets(self.position, self._end)
        if not octets:
            await self.aclose()
            raise StopAsyncIteration
        self._go_on(len(octets))
        return octets

    async def parts(self) -> AsyncIterator[Octets | Located]:
        """The same octets, or where they stand in files; after the last of them it is closed."""
        while part := await self._body.next_part(self.position, self._end):
            self._go_on(len(part) if isinstance(part, bytes | memoryview) else part.length)
            yield part
        await self.aclose()

    async def again(self, first: int, end: int) -> AsyncIterator[Octets]:
        """Octets [first, end) once more. Raises NextHopError where they are lost."""
        while octets := await self._body.next_octets(first, end):
            first += len(octets)
            yield octets

    def _go_on(self, octets: int) -> None:
        self.position += octets
        self._body.place(self)

    @property
    def has_all(self) -> bool:
        """Whether it has read all that it wanted."""
        end = self._body.length if self._end is None else self._end
        return end is not None and self.position >= end

    async def aclose(self) -> None:
        """Leave; octets that were held for this reader only may go."""
        self._body.leave(self)
