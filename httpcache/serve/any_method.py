"""The framework's parser for requests whose method its fast one does not know."""

from __future__ import annotations

from aiohttp.http_parser import HttpRequestParserPy, RawRequestMessage

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


def needs_any_method(data: bytes) -> bool:
    """Whether a request begins with a token that is no method of the fast parser."""
    method = data.lstrip(b"\r\n").split(b" ", 1)[0]
    return method not in _KNOWN_TO_PARSER and b" HTTP/1." in data
