"""Connections to the next hop that end where their response ends, whatever a server sends after it (RFC 9112 §6.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

_STATUS = re.compile(rb"HTTP/1\.\d (\d{3})[ \r]")
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,18})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_CODED = re.compile(rb"^transfer-encoding:", re.IGNORECASE | re.MULTILINE)


def end_of_response(data: bytes, *, has_content: bool) -> int | None:
    """Where a final response that `data` begins with ends, if its head alone tells; `has_content` is not for HEAD."""
    end, status = data.find(b"\r\n\r\n") + 4, _STATUS.match(data)
    if end < 4 or status is None or status[1].startswith(b"1"):
        return None
    if not has_content or status[1] in (b"204", b"304"):
        return end
    head = data[:end]
    lengths = set(_LENGTH.findall(head))
    return end + int(lengths.pop()) if len(lengths) == 1 and _CODED.search(head) is None else None


class _Parser:
    """aiohttp's parser, asked a second time for the response alone where what follows it in the same read is none.

    It refuses both at once; that would make it a matter of timing whether a response arrives.
    """

    def __init__(self, parser: Any, again: Callable[[], Any], *, has_content: bool) -> None:
        self._parser = parser
        self._again = again
        self._has_content = has_content
        self._is_new = True

    def feed_data(self, data: bytes) -> Any:
        is_new, self._is_new = self._is_new, False
        try:
            return self._parser.feed_data(data)
        except HttpProcessingError:
            end = end_of_response(data, has_content=self._has_content) if is_new else None
            if end is None or end >= len(data):
                raise
        self._parser = self._again()
        return self._parser.feed_data(data[:end])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)


class OneResponse(ResponseHandler):
    """A connection that is not used again once its server has sent more than a response."""

    def set_response_params(self, **parameters: Any) -> None:
        """Be ready for the response to the request that is sent next."""
        prepare = super().set_response_params

        def again() -> Any:
            self.force_close()
            prepare(**parameters)
            return self._parser

        prepare(**parameters)
        self._parser = _Parser(self._parser, again, has_content=not parameters.get("skip_payload"))  # type: ignore[assignment]


class Connector(aiohttp.TCPConnector):
    """aiohttp's connector with our connections."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory = partial(OneResponse, loop=self._loop)  # type: ignore[assignment]
