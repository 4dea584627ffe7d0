"""Bodies that end before their time are asked for again from there: octets of the same representation, or none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from httpcache.fetch.failures import NextHopError
from httpcache.fetch.next_hop import Reply
from httpcache.messages import Fields, Line, Span
from httpcache.observe import metrics
from httpcache.rules.combining import completion, is_rest, parse_content_range
from httpcache.settings import FetchSettings


class Changed(NextHopError):
    """There is no more of that representation: the next hop has another one now, or sends no ranges."""

    def __init__(self) -> None:
        super().__init__("http_response_incomplete", 502, "body broken off, and its rest is not to be had")


@dataclass(frozen=True, slots=True)
class Rest:
    """How more of one representation is asked for: `fields` came with it, its strong entity tag among them.

    `length` is that of all of it, in bytes; `ask` sends the request it came of with these field lines added.
    """

    ask: Callable[[tuple[Line, ...]], Awaitable[Reply]]
    fields: Fields
    length: int
    settings: FetchSettings

    async def reply(self, span: Span) -> Reply:
        """The response that carries these octets, and nothing else. Raises NextHopError."""
        try:
            reply = await self.ask(completion(self.fields, span))
        except NextHopError:
            metrics.RESUMED.labels(metrics.Resumption.FAILED).inc()
            raise
        if is_rest(self.fields, self.length, span, reply.head):
            metrics.RESUMED.labels(metrics.Resumption.CONTINUED).inc()
            return reply
        metrics.RESUMED.labels(metrics.Resumption.CHANGED).inc()
        await reply.close()
        raise Changed

    def octets_of(self, first: int, end: int) -> AsyncIterator[bytes]:
        """Octets [first, end), all of them asked for. Raises NextHopError."""
        return self.octets(None, (first, end))

    async def octets(self, reply: Reply | None, span: Span) -> AsyncIterator[bytes]:
        """The octets `span` out of `reply`, and of those that are asked for where one ends too early.

        Raises NextHopError where none goes on. Who gave `reply` closes it.
        """
        at, end = span
        tries = 0
        given = reply
        try:
            while at < end:
                try:
                    if reply is None:
                        tries += 1
                        reply = await self.reply((at, end))
                    async for data in reply.chunks():
                        at += len(data)
                        if at > end:
                            raise Changed
                        yield data
                    if at < end:
                        raise NextHopError("http_response_incomplete", 502, "body broken off")
                except Changed:
                    raise
                except NextHopError:
                    if tries >= self.settings.resumptions:
                        raise
                    if reply is not None:
                        await reply.close()  # its turn at the next hop is needed
                        reply = None
                    if tries:
                        await asyncio.sleep(self.settings.down_for)
        finally:
            if reply is not None and reply is not given:
                await reply.close()


def passed_span(status: int, fields: Fields, length: int | None) -> Span | None:
    """Which octets of a representation the content of `length` bytes is, of a response that is passed on.

    None where nothing tells, as of several ranges, and where it is none of a representation.
    """
    if status == 200 and length is not None:
        return 0, length
    part = parse_content_range(fields.get("content-range"))
    if status != 206 or part is None or length != part.span[1] - part.span[0]:
        return None
    return part.span


async def close_octets(octets: AsyncIterator[object]) -> None:
    """End a run of octets that nobody reads on, and what it has asked for."""
    await octets.aclose()  # type: ignore[attr-defined]
