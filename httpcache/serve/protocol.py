"""One client connection: aiohttp's handler, which says its errors in our words and takes every method there may be."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web
from aiohttp.http_parser import HttpRequestParserPy, RawRequestMessage
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

log = logging.getLogger(__name__)

_KNOWN_TO_PARSER = frozenset(
    b"DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND "
    b"UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK "
    b"UNLINK SOURCE QUERY".split()
)
"""Methods of the fast parser; it refuses all others."""


class AnyMethodParser(HttpRequestParserPy):
    """The parser that takes any token as a method; in its own case, as methods have one (RFC 9110 §9.1)."""

    def parse_message(self, lines: list[bytes]) -> RawRequestMessage:
        """A request's head."""
        message = super().parse_message(lines)
        return message._replace(method=lines[0].split(b" ", 1)[0].decode("ascii"))


class Connection(RequestHandler):
    """A connection gets the parser that takes any token as a method once a request comes that needs it."""

    __slots__ = ("_in_head", "_limits")

    def __init__(self, manager: web.Server, *, loop: Any, **limits: Any) -> None:
        super().__init__(manager, loop=loop, **limits)
        self._limits = {name: limits[name] for name in ("max_line_size", "max_field_size", "max_headers")}
        self._in_head = False

    def data_received(self, data: bytes) -> None:
        """Feed the parser; between two requests, look whether the next one's method is one it knows."""
        is_idle = self._current_request is None and not self._messages
        if is_idle and not self._in_head and _needs_other_parser(data):
            self._parser = AnyMethodParser(
                self,
                self._loop,
                self._read_bufsize,
                **self._limits,
                payload_exception=RequestPayloadError,
                auto_decompress=False,
            )
        before = self._request_count
        super().data_received(data)
        if is_idle:
            self._in_head = self._request_count == before

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
        text = "internal error\n" if status >= 500 else "malformed request\n"
        response = web.Response(status=status, text=text, headers={"Cache-Control": "no-store"})
        response.headers["Server"] = "edgeward"
        response.force_close()
        return response


def _needs_other_parser(data: bytes) -> bool:
    """Whether a request begins with a token that is no method of the fast parser."""
    method = data.lstrip(b"\r\n").split(b" ", 1)[0]
    return method not in _KNOWN_TO_PARSER and b" HTTP/1." in data


class ConnectionServer(web.Server):
    """aiohttp's low-level server with our connections."""

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)
