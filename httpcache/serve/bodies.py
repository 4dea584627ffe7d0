"""Bodies on their way to a client: octets of a stored or an arriving response, one range, several, or all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from httpcache.fetch.arriving import ArrivingBody, Reader
from httpcache.messages import Form, StoredResponse
from httpcache.rules.answers import Composed
from httpcache.serve.exchange import BrokenOff
from httpcache.store.segments import SegmentLost


class Readable(Protocol):
    """A store whose forms can be read."""

    def read(self, stored: StoredResponse, form: Form, first: int, end: int) -> AsyncIterator[bytes]:
        """Octets [first, end); raises SegmentLost."""
        ...

    def forget(self, key: str, stored: StoredResponse | None = None) -> None:
        """Drop a stored response."""
        ...


class StoredContent:
    """Octets of a stored form. Where a segment is lost the response is forgotten and the client's connection ends."""

    def __init__(self, store: Readable, stored: StoredResponse, composed: Composed) -> None:
        self._store = store
        self.stored = stored
        self._composed = composed
        self._octets = self._run()
        self._first = b""

    async def is_there(self) -> bool:
        """Whether the first octets can be read: asked before the head goes out, while another answer can be found."""
        try:
            self._first = await anext(self._octets, b"")
        except BrokenOff:
            return False
        return True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._first:
            yield self._first
        async for data in self._octets:
            yield data

    async def _run(self) -> AsyncIterator[bytes]:
        form = self._composed.form
        try:
            if not self._composed.parts:
                for first, end in self._composed.spans:
                    async for data in self._store.read(self.stored, form, first, end):
                        yield data
            for part in self._composed.parts:
                yield part.before
                if part.span is not None:
                    async for data in self._store.read(self.stored, form, *part.span):
                        yield data
        except SegmentLost as lost:
            self._store.forget(self.stored.key, self.stored)
            raise BrokenOff from lost

    async def aclose(self) -> None:
        """Let go of files."""
        await self._octets.aclose()  # type: ignore[attr-defined]


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

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for before, reader in self._pieces:
            if before:
                yield before
            if reader is not None:
                async for data in reader:
                    yield data

    async def aclose(self) -> None:
        """Leave the body."""
        for _, reader in self._pieces:
            if reader is not None:
                await reader.aclose()
