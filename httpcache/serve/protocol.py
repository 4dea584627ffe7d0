"""One client connection: aiohttp's handler, which says its errors in our words and takes every method there may be."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.http_parser import HttpRequestParserPy, RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

from httpcache.serve.fast_lane import FastLane
from httpcache.serve.limits import ConnectionLimits, Watch, end_head
from httpcache.serve.plain_head import END
from httpcache.settings import ServeSettings

log = logging.getLogger(__name__)

_KNOWN_TO_PARSER = frozenset(
    b"DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND "
    b"UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK "
    b"UNLINK SOURCE QUERY".split()
)
"""Methods of the fast parser; it refuses all others."""

SLACK = 256
"""What a request line may have beside its target, in octets: so that a target too long is told from a field."""

TURNS = 16
"""Turns of the loop in which a handler that is ending a request has to come to wait for the next."""

NEVER = 1e6
"""A time that does not come in the life of a connection, in seconds."""


class AnyMethodParser(HttpRequestParserPy):
    """The parser that takes any token as a method; in its own case, as methods have one (RFC 9110 §9.1)."""

    def parse_message(self, lines: list[bytes]) -> RawRequestMessage:
        """A request's head."""
        message = super().parse_message(lines)
        return message._replace(method=lines[0].split(b" ", 1)[0].decode("ascii"))


class Connection(RequestHandler):
    """A connection under limits. It gets the parser that takes any method once a request comes that needs it."""

    __slots__ = (
        "_connection_limits",
        "_content",
        "_head_size",
        "_head_timeout",
        "_held",
        "_is_at_boundary",
        "_limits",
        "is_ending",
        "is_trusted",
        "lane",
        "peer",
        "watch",
    )

    def __init__(
        self,
        manager: web.Server,
        *,
        loop: Any,
        limits: ConnectionLimits,
        settings: ServeSettings,
        **parsing: Any,
    ) -> None:
        super().__init__(manager, loop=loop, **parsing)
        self._limits = {name: parsing[name] for name in ("max_line_size", "max_field_size", "max_headers")}
        self._connection_limits = limits
        self._head_size = settings.head_size
        self._head_timeout = settings.head_timeout + 1 if settings.head_timeout else NEVER
        self._content: StreamReader | None = None
        """The content of the request that came last; once it has ended, what comes is a head."""
        self.watch: Watch | None = None
        self.lane: FastLane | None = None
        self.is_ending = False
        """Whether the answer to the last request is out, and the handler about to wait for the next."""
        self._held = b""
        """What came meanwhile."""
        self._is_at_boundary = True
        """Whether the parser is between two messages, provided that each of which it told has ended."""
        self.peer, self.is_trusted = "", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, where the limits admit one more connection."""
        self.watch = self._connection_limits.admit(cast(asyncio.Transport, transport))
        if self.watch is None:
            self._force_close = True
        else:
            super().connection_made(transport)
            if self.lane is not None:
                self.peer = self.peername[0] if isinstance(self.peername, tuple) else ""
                self.is_trusted = self.lane.trusts(self.peer)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        if self.watch is not None:
            self._connection_limits.leave(self.watch)
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; between two requests, look whether the next one's method is one it knows."""
        watch = self.watch
        if watch is None or watch.ends_at:
            return
        if self._held or self._is_about_to_wait():
            self._hold(data)
            return
        if self.lane is not None and self._is_at_boundary and self._is_idle():
            left = self.lane.answer(self, data)
            if len(left) < len(data):
                # Requests were answered beside the handler, so the connection is not idle.
                if watch.head_began:
                    watch.head_ended()
                self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
                data = left
                if not data:
                    return
        self._take(watch, data)

    def _is_about_to_wait(self) -> bool:
        """Whether all that came is read and answered, and the handler takes a turn or two until it waits again."""
        return (
            self.is_ending
            and self._waiter is None
            and not self._messages
            and self._is_at_boundary
            and (self._content is None or self._content.is_eof())
        )

    def _hold(self, data: bytes) -> None:
        """Keep what came meanwhile: given to the handler now, all that follows would go its way."""
        if not self._held:
            self._loop.call_soon(self._go_on, TURNS)
        self._held += data

    def _go_on(self, turns: int) -> None:
        """Look at what was kept once the handler waits, or when it does not for so many turns of the loop."""
        if self.transport is None or self.transport.is_closing():
            self._held = b""
        elif turns and self._is_about_to_wait():
            self._loop.call_soon(self._go_on, turns - 1)
        else:
            held, self._held = self._held, b""
            self.is_ending = False
            self.data_received(held)

    def _is_idle(self) -> bool:
        """Whether all that came before is answered: where a read begins then, a request begins (docs/decisions/0019).

        The handler waits for a request; all messages that the parser told it of have ended; and, as _is_at_boundary
        has it, the parser has had no octet of another one.
        """
        waiter = self._waiter
        return (
            (not waiter.done() if waiter is not None else self._request_count == 0)
            and not self._messages
            and not self._paused
            and not self._buffer_paused
            and not self._upgraded
        )

    @property
    def is_paused(self) -> bool:
        """Whether what was written waits for its client to read."""
        return self._paused

    def _take(self, watch: Watch, data: bytes) -> None:
        """Feed the parser."""
        had = self._content.total_bytes if self._content is not None else 0
        is_between = self._content is None or self._content.is_eof()
        if self._is_at_boundary and is_between and self._is_free() and _needs_other_parser(data):
            self._parser = AnyMethodParser(
                self,
                self._loop,
                self._read_bufsize,
                **self._limits,
                payload_exception=RequestPayloadError,
                auto_decompress=False,
            )
        self.is_ending = False
        before = self._request_count
        super().data_received(data)
        came = self._request_count - before
        if came and self._messages:
            self._content = self._messages[-1][1]
            watch.head_ended()
        elif is_between and data:
            self._head_goes_on(watch, len(data))
        if data:
            self._is_at_boundary = self._ends_a_message(data, came, had)

    def _ends_a_message(self, data: bytes, came: int, had: int) -> bool:
        """Whether the parser, given `data`, is between two messages, provided that those it told of have ended.

        No head that is still incomplete can end in an empty line. Else the octets of contents are counted: `came` heads
        were in this read, and of the content that went on before it `had` octets had come. What cannot be told is no.
        """
        content = self._content
        if data.endswith(END):
            return True
        if content is None or not content.is_eof():
            return False
        if came == 0:
            return content.total_bytes - had == len(data)
        behind = len(data) - data.find(END) - len(END)
        return came == 1 and self._is_at_boundary and content.total_bytes == behind

    def _is_free(self) -> bool:
        """Whether every request that has come has been answered."""
        return self._current_request is None and not self._messages

    def _head_goes_on(self, watch: Watch, octets: int) -> None:
        watch.head_goes_on(octets)
        # So long as this head is timed, idleness is not.
        self._next_keepalive_close_time = watch.head_began + self._head_timeout
        if watch.head_octets > self._head_size and not watch.busy:
            end_head(watch, 431, "Request Header Fields Too Large", "head")

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is no request (400), or to a fault of ours (500, logged): a short text, never a trace."""
        if status >= 500:
            log.error("answering a request failed", exc_info=exc)
        else:
            log.debug("not a request: %s", exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the head is out already")
        status, text = (status, "internal error\n") if status >= 500 else self._what_is_wrong(exc)
        response = web.Response(status=status, text=text, headers={"Cache-Control": "no-store"})
        response.headers["Server"] = "edgeward"
        response.force_close()
        return response

    def _what_is_wrong(self, exc: BaseException | None) -> tuple[int, str]:
        """Status and text for what the parser did not take."""
        if isinstance(exc, LineTooLong):
            if exc.args[1] == self._limits["max_line_size"]:
                return 414, "target too long\n"
            return 431, "field too large\n"
        if "Too many headers" in str(exc):
            return 431, "too many fields\n"
        return 400, "malformed request\n"


def _needs_other_parser(data: bytes) -> bool:
    """Whether a request begins with a token that is no method of the fast parser."""
    method = data.lstrip(b"\r\n").split(b" ", 1)[0]
    return method not in _KNOWN_TO_PARSER and b" HTTP/1." in data


class ConnectionServer(web.Server):
    """aiohttp's low-level server with our connections, and their limits."""

    def __init__(self, handler: Any, settings: ServeSettings) -> None:
        super().__init__(
            handler,
            access_log=None,
            keepalive_timeout=settings.idle_timeout,
            max_line_size=settings.url_length + SLACK,
            max_field_size=settings.head_size,
            max_headers=settings.fields,
            auto_decompress=False,
            handler_cancellation=True,
        )
        self.limits = ConnectionLimits(settings)
        self.lane: FastLane | None = None
        self._settings = settings

    def __call__(self) -> Connection:
        made = Connection(self, loop=self._loop, limits=self.limits, settings=self._settings, **self._kwargs)
        made.lane = self.lane
        return made

    async def shutdown(self, timeout: float | None = None) -> None:
        """End every connection, and look at none any more."""
        await super().shutdown(timeout)
        self.limits.close()
