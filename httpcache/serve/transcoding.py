"""Content in a form that is not stored, on its way to a client that reads no other: coded or decoded as it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import TypeVar

from httpcache.fetch.failures import NextHopError
from httpcache.messages import Form, StoredResponse
from httpcache.rules.content_coding import received_coding
from httpcache.serve.bodies import ArrivingContent, StoredContent
from httpcache.serve.codecs import Decoder, Encoder, Undecodable, level_of
from httpcache.serve.exchange import BrokenOff
from httpcache.serve.pieced import PiecedContent
from httpcache.serve.whole import WholeContent
from httpcache.settings import CodingSettings

T = TypeVar("T")


class TranscodedContent:
    """Works piece by piece, in threads. Content that is not what it says, or swells too far, is broken off."""

    def __init__(
        self,
        content: StoredContent | ArrivingContent | PiecedContent | WholeContent,
        stored: StoredResponse,
        form: Form,
        settings: CodingSettings,
        turns: asyncio.Semaphore,
    ) -> None:
        """`content` is the whole as received, `form` what the client is to get; `turns` bound the threads at work."""
        self.stored = stored
        self.content = content
        self._turns = turns
        self._largest = settings.decoded_largest
        self._new_steps: Callable[[], _Steps] = (
            (lambda: decoding(received_coding(stored.fields)))
            if form.coding == "identity"
            else (lambda: _encoding(form.coding, settings))
        )
        self._octets = self._run()
        self._first = b""
        self._failure: NextHopError | None = None

    async def is_there(self) -> bool:
        """Whether the first octets can be read and are what they say: asked while another answer can still be found."""
        try:
            self._first = await anext(self._octets, b"")
        except BrokenOff:
            await self.aclose()
            return False
        except NextHopError as error:
            self._failure = error
        return True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._failure is not None:
            raise self._failure
        if self._first:
            yield self._first
        async for data in self._octets:
            yield data

    async def _run(self) -> AsyncIterator[bytes]:
        feed, finish = await self._in_turn(self._new_steps)
        sent = 0
        try:
            async for data in self.content:
                pieces = feed(data if isinstance(data, bytes) else bytes(data))
                while piece := await self._in_turn(partial(_next, pieces)):
                    sent += len(piece)
                    if sent > self._largest:
                        raise BrokenOff
                    yield piece
            if rest := await self._in_turn(finish):
                yield rest
        except Undecodable as error:
            raise BrokenOff from error

    async def _in_turn(self, step: Callable[[], T]) -> T:
        """Do a step in a thread, when few others are at work: they take the time of all who wait for the event loop."""
        async with self._turns:
            return await asyncio.to_thread(step)

    async def aclose(self) -> None:
        """Let go of the content."""
        await self._octets.aclose()  # type: ignore[attr-defined]
        await self.content.aclose()


_Steps = tuple[Callable[[bytes], Iterator[bytes]], Callable[[], bytes]]
"""What is done with each run of octets, and at the end."""


def decoding(coding: str) -> _Steps:
    """The steps that undo a coding. Each may raise Undecodable."""
    decoder = Decoder(coding)

    def finish() -> bytes:
        decoder.finish()
        return b""

    return decoder.feed, finish


def _encoding(coding: str, settings: CodingSettings) -> _Steps:
    encoder = Encoder(coding, level_of(coding, settings))
    return (lambda data: (piece for piece in (encoder.feed(data),) if piece)), encoder.finish


def _next(pieces: Iterator[bytes]) -> bytes:
    return next(pieces, b"")
