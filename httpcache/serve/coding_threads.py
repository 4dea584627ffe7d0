"""Content that is coded or decoded as it is sent: step by step, in threads, of which few are at work at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from functools import partial
from typing import TypeVar

from httpcache.messages import Octets
from httpcache.serve.codecs import Decoder, Encoder, Undecodable, level_of
from httpcache.serve.exchange import BrokenOff
from httpcache.settings import CodingSettings

T = TypeVar("T")

AT_ONCE = 2
"""Threads of a worker that code or decode what is on its way to clients, at the most."""

Steps = tuple[Callable[[bytes], Iterator[bytes]], Callable[[], bytes]]
"""What is done with each run of octets, and at the end. Nothing is done before the first result is asked for."""


def decoding(coding: str) -> Steps:
    """The steps that undo a coding. Each may raise Undecodable."""
    decoder = Decoder(coding)

    def finish() -> bytes:
        decoder.finish()
        return b""

    return decoder.feed, finish


def encoding(coding: str, settings: CodingSettings) -> Steps:
    """The steps that make a coding, at the quality for what is made at once."""
    encoder = Encoder(coding, level_of(coding, settings))

    def feed(data: bytes) -> Iterator[bytes]:
        if piece := encoder.feed(data):
            yield piece

    return feed, encoder.finish


class CodingThreads:
    """The threads of one worker."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def run(
        self, content: AsyncIterable[Octets], new_steps: Callable[[], Steps], largest: int
    ) -> AsyncIterator[bytes]:
        """The content after its steps. Raises BrokenOff where it is not what it says, or is larger than `largest`."""
        feed, finish = await self.do(new_steps)
        sent = 0
        try:
            async for data in content:
                pieces = feed(data if isinstance(data, bytes) else bytes(data))
                while piece := await self.do(partial(next, pieces, b"")):
                    sent += len(piece)
                    if sent > largest:
                        raise BrokenOff
                    yield piece
            if rest := await self.do(finish):
                yield rest
        except Undecodable as error:
            raise BrokenOff from error

    async def do(self, step: Callable[[], T]) -> T:
        """Do a step when few others are at work: they take the time of all who wait for the event loop.

        A step whose client leaves is at work until it ends.
        """
        await self._turns.acquire()
        work = asyncio.get_running_loop().run_in_executor(None, step)
        work.add_done_callback(lambda _: self._turns.release())
        return await asyncio.shield(work)
