"""One connection to another tier or to an origin close by: HTTP/1.1 by httptools, bodies read at the reader's pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from typing import cast

import httptools

from httpcache.fetch.failures import NextHopError
from httpcache.fetch.pace import Pace
from httpcache.messages import Fields, Line, ResponseHead
from httpcache.rules.fields import field_value, without_controls
from httpcache.settings import FetchSettings

ADDED = 32 * 2**10
"""How much larger than an origin's head that of another tier may be, in bytes: it has fields of its own."""

BUFFERED = 256 * 2**10
"""Octets of a body that wait for their reader before the connection is not read any more, in bytes."""

Interim = Callable[[ResponseHead], None]


@lru_cache(256)  # responses have the same names again and again; any may be as large as a head
def _name(octets: bytes) -> str:
    return octets.decode("ascii", "replace")


def _has_no_end(fields: Fields) -> bool:
    """Whether a body ends only where its connection does (RFC 9112 §6.3)."""
    coding = fields.get("transfer-encoding")
    if coding is None:
        return "content-length" not in fields
    return coding.rpartition(",")[2].strip(" \t").lower() != "chunked"


class LinkConnection(asyncio.Protocol):
    """Sends a request and gives its response. Whatever is not one whole response ends the connection.

    An origin's is read as leniently as the client for everybody reads it, another tier's strictly.
    """

    def __init__(self, settings: FetchSettings, *, to_origin: bool = False) -> None:
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._to_origin = to_origin
        self._largest_head = settings.head_size + (0 if to_origin else ADDED)
        self._silence = settings.between_bytes_timeout or None
        self._transport: asyncio.Transport | None = None
        self._interim: Interim | None = None
        self._ended = True
        self.is_open = False
        self.begun = False
        """Whether any octet of the response to the last request has come."""
        self.kept_at = 0.0
        """When the connection was put back, by the event loop's clock, in seconds."""

    # The exchange

    async def ask(self, request: bytes, first_byte: float | None, interim: Interim | None) -> ResponseHead:
        """Send a request without content; the head of its final response. Raises NextHopError."""
        assert self._transport is not None
        self._parser = httptools.HttpResponseParser(self)
        if self._to_origin:
            self._parser.set_dangerous_leniencies(
                lenient_headers=True,
                lenient_optional_cr_before_lf=True,
                lenient_spaces_after_chunk_size=True,
            )
        self._lines: list[Line] = []
        self._reason = ""
        self._head_octets = 0
        self._status = 0
        self._error: NextHopError | None = None
        self._body: deque[bytes] = deque()
        self._buffered = 0
        self._paused = False
        self._ended = self.begun = self._has_head = False
        self._interim = interim
        self._head: asyncio.Future[ResponseHead] = self._loop.create_future()
        self._moved: asyncio.Future[None] | None = None
        self._transport.write(request)
        timer = self._loop.call_later(first_byte, self._too_late) if first_byte else None
        try:
            return await self._head
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _too_late(self) -> None:
        self._fail(NextHopError("http_response_timeout", 504, "no response in time"))

    async def chunks(self) -> AsyncIterator[bytes]:
        """The octets of the body. Raises NextHopError when it breaks off, falls silent or comes too slowly."""
        pace = Pace(self._settings.minimum_rate, self._settings.rate_window)
        while True:
            while self._body:
                data = self._body.popleft()
                self._buffered -= len(data)
                if self._paused and self._buffered < BUFFERED // 2 and self._transport is not None:
                    self._paused = False
                    self._transport.resume_reading()
                yield data
            if self._error is not None:
                raise self._error
            if self._ended:
                return
            asked = self._loop.time()
            await self._next_move()
            if pace.is_too_slow(self._buffered, self._loop.time() - asked):
                self._fail(NextHopError("connection_read_timeout", 504, "body too slow"))

    def whole(self) -> bytes | None:
        """All octets of the body, where they have come; None while they have not."""
        if not self._ended or self._error is not None:
            return None
        whole = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        self._buffered = 0
        return whole

    async def _next_move(self) -> None:
        self._moved = self._loop.create_future()
        timer = self._loop.call_later(self._silence, self._silent) if self._silence else None
        try:
            await self._moved
        finally:
            self._moved = None
            if timer is not None:
                timer.cancel()

    def _silent(self) -> None:
        self._fail(NextHopError("connection_read_timeout", 504, "body fell silent"))

    @property
    def may_be_kept(self) -> bool:
        """Whether another request can be sent: the response has been read to its end, and nothing came after it."""
        return self.is_open and self._ended and self._error is None and not self._body and self._keeps

    def close(self) -> None:
        """End the connection."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._ended:  # nobody has asked for this
            self.close()
            return
        self.begun = True
        if not self._has_head:
            self._head_octets += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            # What follows a whole response belongs to nobody; the response stands, the connection does not.
            if not self._ended:
                self._fail(NextHopError("http_protocol_error", 502, f"not a valid response: {error}"[:100]))
            self._keeps = False
        if not self._has_head:
            self._look_at_size(self._head_octets)
        self._wake()

    def _look_at_size(self, octets: int) -> None:
        if octets > self._largest_head:
            self._fail(NextHopError("http_response_header_section_size", 502, "head too large"))

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.is_open = False
        if self._ended:
            return
        if self._has_head and self._is_until_close:
            self._ended = True
            self._wake()
        else:
            where = "body broken off" if self._has_head else "closed without a response"
            self._fail(NextHopError("http_response_incomplete", 502, where))

    # httptools

    def on_message_begin(self) -> None:
        """See httptools. A second message in one read is none that was asked for: it is read over."""
        if self._has_head:
            self._keeps = False

    def on_status(self, reason: bytes) -> None:
        """See httptools."""
        if not self._has_head:
            self._reason += without_controls(reason.decode("utf-8", "surrogateescape"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. Trailers come after the head, and are left."""
        if not self._has_head:
            self._lines.append((_name(name), field_value(value)))

    def on_headers_complete(self) -> None:
        """See httptools."""
        if self._has_head:
            return
        status = self._parser.get_status_code()
        head = ResponseHead(status, Fields(self._lines), self._reason)
        if status == 101:  # nobody asked for another protocol (RFC 9110 §15.2.2)
            self._fail(NextHopError("http_protocol_error", 502, "switched protocols unasked"))
            return
        if 100 <= status <= 199:
            self._lines, self._reason, self._head_octets = [], "", 0
            if self._interim is not None and status != 100:
                self._interim(head)
            return
        self._status, self._has_head = status, True
        self._look_at_size(sum([len(name) + len(value) + 4 for name, value in self._lines]))
        if self._to_origin and len(self._lines) > self._settings.fields:
            self._fail(NextHopError("http_protocol_error", 502, "not a valid response: too many fields"))
        self._keeps = self._parser.should_keep_alive()
        self._is_until_close = status not in (204, 304) and _has_no_end(head.fields)
        if not self._head.done():
            self._head.set_result(head)

    def on_body(self, data: bytes) -> None:
        """See httptools."""
        if self._ended:
            return
        self._body.append(data)
        self._buffered += len(data)
        if self._buffered > BUFFERED and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """See httptools. Interim responses end too."""
        if self._has_head:
            self._ended = True

    def _fail(self, error: NextHopError) -> None:
        if self._error is not None:  # the first says why
            return
        self._error = error
        self.close()
        if not self._head.done():
            self._head.set_exception(error)
        self._wake()

    def _wake(self) -> None:
        if self._moved is not None and not self._moved.done():
            self._moved.set_result(None)
