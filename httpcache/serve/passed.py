"""Bodies of responses that are not stored, on their way to the one client that asked; decoded where it needs that."""

from __future__ import annotations

from collections.abc import AsyncIterator

from httpcache.fetch.failures import NextHopError
from httpcache.fetch.next_hop import Reply
from httpcache.messages import Span
from httpcache.rules.content_coding import received_coding
from httpcache.serve.coding_threads import CodingThreads, decoding
from httpcache.serve.exchange import BrokenOff
from httpcache.serve.resuming import Rest, close_octets, passed_span


def _octets(reply: Reply, rest: Rest | None) -> AsyncIterator[bytes]:
    span = passed_span(reply.head.status, reply.head.fields, reply.length)
    return reply.chunks() if rest is None or span is None else rest.octets(reply, span)


class PassedBody:
    """The body of a response that nobody else reads, or a part of it: from the next hop to one client."""

    def __init__(self, reply: Reply, rest: Rest | None, part: Span | None = None) -> None:
        """`rest` is how more of it is asked for where it ends too early.

        `part` is which of the octets that come are passed on, all where it is None.
        """
        self._reply = reply
        self._chunks = _octets(reply, rest)
        self._octets = self._chunks if part is None else self._part(*part)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._octets

    async def _part(self, first: int, end: int) -> AsyncIterator[bytes]:
        at = 0
        async for data in self._chunks:
            if wanted := data[max(0, first - at) : max(0, end - at)]:
                yield wanted
            at += len(data)
            if at >= end and end != self._reply.length:
                return  # the rest is for nobody
        if at < end:
            raise NextHopError("http_response_incomplete", 502, "body broken off")

    async def aclose(self) -> None:
        """Give the connection back, or drop it when octets are left."""
        await close_octets(self._octets)
        await close_octets(self._chunks)
        await self._reply.close()


PROBED = 64 * 2**10
"""Octets that are read before a body counts as coded as it says, where nothing has come out yet, in bytes."""


class DecodedBody:
    """A passed body, decoded. What is not coded as it says comes out as it is, if that shows at its beginning."""

    def __init__(self, reply: Reply, rest: Rest | None, largest: int, threads: CodingThreads) -> None:
        """`rest` as above; `largest` is how far it may swell, in bytes; beyond it is broken off;
        `threads` do the work.
        """
        self._reply = reply
        self._chunks = _octets(reply, rest)
        self._raw: list[bytes] = []
        self._has_all = True
        """Whether `_raw` is everything that has been read."""
        coding = received_coding(reply.head.fields)
        self._octets = threads.run(self._noted(), lambda: decoding(coding), largest)
        self._first = b""
        self._failure: NextHopError | BrokenOff | None = None

    async def is_coded(self) -> bool:
        """Whether it is what it says, as far as its beginning tells."""
        try:
            self._first = await anext(self._octets, b"")
        except BrokenOff as error:
            self._failure = error
            return not self._has_all
        except NextHopError as error:
            self._failure = error
        return True

    async def as_it_came(self) -> AsyncIterator[bytes]:
        """All octets, undecoded."""
        for data in self._raw:
            yield data
        async for data in self._chunks:
            yield data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._raw = []
        if self._failure is not None:
            raise self._failure
        if self._first:
            yield self._first
        async for data in self._octets:
            yield data

    async def _noted(self) -> AsyncIterator[bytes]:
        """What is read, noted as long as it may have to be sent as it came."""
        async for data in self._chunks:
            self._has_all = self._has_all and not self._first and sum(map(len, self._raw)) <= PROBED
            if self._has_all:
                self._raw.append(data)
            yield data

    async def aclose(self) -> None:
        """Give the connection back, or drop it when octets are left."""
        await close_octets(self._octets)
        await close_octets(self._chunks)
        await self._reply.close()


class UndecodedBody:
    """A passed body that turned out not to be coded as it says."""

    def __init__(self, body: DecodedBody) -> None:
        self._body = body
        self._octets = body.as_it_came()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._octets

    async def aclose(self) -> None:
        """See DecodedBody."""
        await close_octets(self._octets)
        await self._body.aclose()
