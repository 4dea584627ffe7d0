"""One client's way through a body that is arriving; by a request of its own where it was left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol, cast

from httpcache.fetch.failures import LostOctets
from httpcache.messages import Octets

if TYPE_CHECKING:
    from httpcache.fetch.arriving import ArrivingBody


class Located(Protocol):
    """Octets that stand in a file, from which they can be sent."""

    @property
    def length(self) -> int:
        """How many, in bytes."""
        ...

    def part(self, first: int, end: int) -> Located:
        """Octets [first, end) of it."""
        ...


class Reader:
    """One client's way through an arriving body: an async iterator that must be closed."""

    __slots__ = ("_body", "_end", "_own", "position")

    def __init__(self, body: ArrivingBody, first: int, end: int | None) -> None:
        self._body = body
        self._end = end
        self._own: AsyncIterator[bytes] | None = None
        """Octets that this reader alone has asked for, since it was left behind or they were lost."""
        self.position = first
        body.place(self)

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> Octets:
        octets = cast(Octets, await self._next())
        if not octets:
            await self.aclose()
            raise StopAsyncIteration
        self._go_on(len(octets))
        return octets

    async def _next(self, *, in_files: bool = False) -> Octets | Located:
        if self._own is None:
            take = self._body.next_part if in_files else self._body.next_octets
            try:
                return await take(self.position, self._end)
            except LostOctets:
                self._own = self._body.rest_of(self.position, self._end)
                self._body.leave(self)
        return await anext(self._own, b"")

    async def parts(self) -> AsyncIterator[Octets | Located]:
        """The same octets, or where they stand in files; after the last of them it is closed."""
        while part := await self._next(in_files=True):
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
        if self._own is None:
            self._body.place(self)

    @property
    def has_all(self) -> bool:
        """Whether it has read all that it wanted."""
        end = self._body.length if self._end is None else self._end
        return end is not None and self.position >= end

    async def aclose(self) -> None:
        """Leave; octets that were held for this reader only may go."""
        self._body.leave(self)
        if self._own is not None:
            await self._own.aclose()  # type: ignore[attr-defined]
