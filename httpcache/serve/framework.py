"""The slow lane of a connection: aiohttp's handler, which says its errors in our words and takes every method."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

from httpcache.observe.metrics import Limit
from httpcache.serve.any_method import AnyMethodParser, needs_any_method
from httpcache.serve.limits import Watch, end_head
from httpcache.serve.plain_head import END
from httpcache.settings import ServeSettings

log = logging.getLogger(__name__)

SLACK = 256
"""What a request line may have beside its target, in octets: so that a target too long is told from a field."""

NEVER = 1e6
"""A time that does not come in the life of a connection, in seconds: its limits are watched beside the framework."""


class Owner(Protocol):
    """The connection that a handler is for."""

    watch: Watch | None


class Handler(RequestHandler):
    """aiohttp's handler for those requests of a connection that no other lane answers.

    It is made when the first of them comes. It gets the parser that takes any method once a request needs it.
    """

    __slots__ = ("_content", "_head_size", "_is_at_boundary", "_limits", "is_ending", "owner")

    def __init__(
        self, manager: web.Server, *, loop: Any, owner: Owner, head_size: int, **parsing: Any
    ) -> None:
        super().__init__(manager, loop=loop, keepalive_timeout=NEVER, **parsing)
        self._limits = {name: parsing[name] for name in ("max_line_size", "max_field_size", "max_headers")}
        self._head_size = head_size
        self._content: StreamReader | None = None
        """The content of the request that came last; once it has ended, what comes is a head."""
        self.owner = owner
        self.is_ending = False
        """Whether the answer to the last request is out, and the handler about to wait for the next."""
        self._is_at_boundary = True
        """Whether the parser is between two messages, provided that each of which it told has ended."""

    def begin(self, transport: asyncio.BaseTransport, *, is_paused: bool) -> None:
        """Begin to serve a connection; `is_paused` where what was written already waits for its client to read."""
        super().connection_made(transport)
        self._paused = is_paused

    @property
    def is_idle(self) -> bool:
        """Whether all that came before is answered: where a read begins then, a request begins (docs/decisions/0019).

        The handler waits for a request; all messages that the parser told it of have ended; and the parser has had no
        octet of another one.
        """
        waiter = self._waiter
        return (
            self._is_at_boundary
            and (not waiter.done() if waiter is not None else self._request_count == 0)
            and not self._messages
            and not self._paused
            and not self._buffer_paused
            and not self._upgraded
        )

    @property
    def is_about_to_wait(self) -> bool:
        """Whether all that came is read and answered, and the handler takes a turn or two until it waits again."""
        return (
            self.is_ending
            and self._waiter is None
            and not self._messages
            and self._is_at_boundary
            and (self._content is None or self._content.is_eof())
        )

    @property
    def is_gone(self) -> bool:
        """Whether it has ended its connection, or is about to."""
        return self._force_close or self._close

    def take(self, watch: Watch, data: bytes) -> None:
        """Feed the parser; between two requests, look whether the next one's method is one it knows."""
        had = self._content.total_bytes if self._content is not None else 0
        is_between = self._content is None or self._content.is_eof()
        if self._is_at_boundary and is_between and self._is_free() and needs_any_method(data):
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
        self.data_received(data)
        came = self._request_count - before
        if came and self._messages:
            self._content = self._messages[-1][1]
            watch.head_ended()
        elif is_between and data:
            watch.head_goes_on(len(data))
            if watch.head_octets > self._head_size and not watch.busy:
                end_head(watch, 431, "Request Header Fields Too Large", Limit.HEAD)
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


def parsing_limits(settings: ServeSettings) -> dict[str, Any]:
    """How the framework's parser is bounded."""
    return {
        "max_line_size": settings.url_length + SLACK,
        "max_field_size": settings.head_size,
        "max_headers": settings.fields,
        "auto_decompress": False,
        "access_log": None,
    }
