"""Bodies of responses that are not stored, on their way to the one client that asked."""

from __future__ import annotations

from collections.abc import AsyncIterator

from httpcache.fetch.failures import NextHopError
from httpcache.fetch.next_hop import Reply
from httpcache.messages import Span
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
