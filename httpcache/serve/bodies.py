"""Bodies on their way to a client: octets of a stored or an arriving response, one range, several, or all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import cast

from httpcache.fetch.arriving import ArrivingBody
from httpcache.fetch.reader import Reader
from httpcache.messages import Octets, Span, StoredResponse
from httpcache.rules.answers import Composed
from httpcache.serve.exchange import BrokenOff
from httpcache.store.segments import Place, SegmentLost
from httpcache.store.tiered import TieredStore

GoingOn = Callable[[int, int], AsyncIterator[bytes]]
"""Octets [first, end) of a representation from elsewhere. Raises NextHopError where they are not to be had."""


class StoredContent:
    """Octets of a stored form. Where a segment is lost the response is forgotten, and `goes_on` is asked for it.

    Without that, or once it fails, the client's connection ends.
    """

    def __init__(self, store: TieredStore, stored: StoredResponse, composed: Composed) -> None:
        self._store = store
        self.stored = stored
        self._composed = composed
        self._octets = self._run()
        self._first: bytes | Place = b""
        self._placed: Span = (0, 0)
        """The octets whose place was told last."""
        self.goes_on: GoingOn | None = None

    async def is_there(self) -> bool:
        """Whether the first octets can be read: asked before the head goes out, while another answer can be found."""
        try:
            self._first = await anext(self._octets, b"")
        except BrokenOff:
            return False
        return True

    @property
    def is_as_received(self) -> bool:
        """Whether the form is the one that the next hop sends."""
        return self._composed.form.body_id == self.stored.forms[0].body_id

    async def in_files(self) -> AsyncIterator[bytes | Place]:
        """See InFiles."""
        if self._first:
            yield self._first
        async for some in self._octets:
            yield some

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for some in self.in_files():
            if isinstance(some, bytes):
                yield some
                continue
            try:
                yield await asyncio.to_thread(_read, some)
            except OSError:
                async for data in self.unread(0):
                    yield data

    async def _run(self) -> AsyncIterator[bytes | Place]:
        if not self._composed.parts:
            for first, end in self._composed.spans:
                async for some in self._run_of(first, end):
                    yield some
        for part in self._composed.parts:
            yield part.before
            if part.span is not None:
                async for some in self._run_of(*part.span):
                    yield some

    async def _run_of(self, first: int, end: int) -> AsyncIterator[bytes | Place]:
        """Octets [first, end): where they stand for bodies too large for RAM; others are read, and so promoted."""
        at = first
        while at < end:
            place, stop = await self._store.place(self._composed.form, at, end)
            if place is not None:
                self._placed = at, stop
                yield place
            else:
                async for data in self._read(at, stop):
                    yield data
            at = stop

    def unread(self, sent: int) -> AsyncIterator[bytes]:
        """See InFiles."""
        first, end = self._placed
        return self._read(first + sent, end)

    async def _read(self, at: int, end: int) -> AsyncIterator[bytes]:
        try:
            async for data in self._store.read(self.stored, self._composed.form, at, end):
                yield data
                at += len(data)
        except SegmentLost as lost:
            self._store.forget(self.stored.key, self.stored)
            if self.goes_on is None:
                raise BrokenOff from lost
            async for data in self.goes_on(at, end):
                yield data

    async def aclose(self) -> None:
        """Let go of files."""
        await self._octets.aclose()  # type: ignore[attr-defined]


def _read(place: Place) -> bytes:
    file = place.opened()
    try:
        data = os.pread(file, place.length, place.offset)
    finally:
        os.close(file)
    if len(data) < place.length:
        raise OSError("the file is shorter than it was")
    return data


class ArrivingContent:
    """Octets of a body that is still arriving. Its place is taken at once, so that they wait for it."""

    def __init__(self, arriving: ArrivingBody, composed: Composed) -> None:
        self._pieces: list[tuple[bytes, Reader | None]] = []
        if composed.parts:
            for part in composed.parts:
                self._pieces.append((part.before, arriving.read(*part.span) if part.span else None))
        elif composed.spans:
            self._pieces = [(b"", arriving.read(*span)) for span in composed.spans]
        else:
            self._pieces = [(b"", arriving.read())]
        self._placed: tuple[Reader, Span] | None = None
        """The octets whose place was told last, and who reads them."""

    async def __aiter__(self) -> AsyncIterator[Octets]:
        for before, reader in self._pieces:
            if before:
                yield before
            if reader is not None:
                async for octets in reader:
                    yield octets

    async def in_files(self) -> AsyncIterator[Octets | Place]:
        """See InFiles."""
        for before, reader in self._pieces:
            if before:
                yield before
            if reader is not None:
                async for part in reader.parts():
                    if isinstance(part, Place):
                        self._placed = reader, (reader.position - part.length, reader.position)
                    yield cast(Octets | Place, part)

    def unread(self, sent: int) -> AsyncIterator[Octets]:
        """See InFiles."""
        assert self._placed is not None
        reader, (first, end) = self._placed
        return reader.again(first + sent, end)

    async def aclose(self) -> None:
        """Leave the body."""
        for _, reader in self._pieces:
            if reader is not None:
                await reader.aclose()
