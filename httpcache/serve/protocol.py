"""One client connection: aiohttp's handler, which says its errors in our words and takes every method there may be."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web
from aiohttp.http_parser import HttpRequestParserPy
from aiohttp.web_protocol import RequestHandler, RequestPayloadError

log = logging.getLogger(__name__)

_KNOWN_TO_PARSER = frozenset(
    b"DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND "
    b"UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK "
    b"UNLINK SOURCE QUERY".split()
)
"""Methods of the fast parser; it refuses all others."""


class Connection(RequestHandler):
    """A connection whose first request has a method unknown to the fast parser gets the parser that takes any token."""

    __slots__ = ("_limits", "_looked")

    def __init__(self, manager: web.Server, *, loop: Any, **limits: Any) -> None:
        super().__init__(manager, loop=loop, **limits)
        self._limits = {name: limits[name] for name in ("max_line_size", "max_field_size", "max_headers")}
        self._looked = False

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        if not self._looked:
            self._looked = True
            if data.lstrip(b"\r\n").split(b" ", 1)[0] not in _KNOWN_TO_PARSER and b" HTTP/1." in data:
                self._parser = HttpRequestParserPy(
                    self,
                    self._loop,
                    self._read_bufsize,
                    **self._limits,
                    payload_exception=RequestPayloadError,
                    auto_decompress=False,
                )
        super().data_received(data)

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


class ConnectionServer(web.Server):
    """aiohttp's low-level server with our connections."""

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)
