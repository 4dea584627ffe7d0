"""The way of an answer out of the middle lane: its head, put together in one piece, and its content behind it."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from httpcache.messages import ResponseHead
from httpcache.serve.protocol import Connection

_PHRASES = {status.value: status.phrase for status in HTTPStatus}

JOINED = 64 * 2**10
"""Bodies up to this are copied behind their head, to be written as one, in bytes."""

WAITS = 64 * 2**10
"""Octets that may wait for a client before its answer waits for it, in bytes."""


def head_octets(head: ResponseHead, *, is_chunked: bool) -> bytes:
    """A response's head (RFC 9112 §4, §5). Raises ValueError where a line would not be one line."""
    lines = [f"HTTP/1.1 {head.status} {head.reason or _PHRASES.get(head.status, '')}"]
    lines += [f"{name}: {value}" for name, value in head.fields.lines]
    if is_chunked:
        lines.append("Transfer-Encoding: chunked")
    text = "\r\n".join(lines)
    if not text.isprintable() and (
        text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text
    ):
        raise ValueError("a field with a line break")
    return f"{text}\r\n\r\n".encode("utf-8", "surrogateescape")


class Outgoing:
    """One answer to one connection. Everything is given to the transport at once; a slow client is waited for.

    It is what serve/sending needs of the framework's response, of its writer and of its request.
    """

    __slots__ = (
        "_connection",
        "_head",
        "_is_chunked",
        "content_length",
        "length",
        "output_size",
        "transport",
    )

    def __init__(self, connection: Connection, transport: asyncio.Transport) -> None:
        self._connection = connection
        self.transport = transport
        self._head = b""
        self._is_chunked = False
        self.content_length: int | None = None
        """Octets of content that the head promises; None where it does not tell."""
        self.length: int | None = None
        """Octets of it that are still to be written."""
        self.output_size = 0
        """Octets written."""

    @property
    def _payload_writer(self) -> Outgoing:
        return self

    def begin(self, head: ResponseHead, *, has_content: bool) -> None:
        """Take the head; it goes out with the first octets of content, or at the end."""
        if has_content:
            length = head.fields.get("content-length")
            self._is_chunked = length is None
            self.content_length = self.length = None if length is None else int(length)
        self._head = head_octets(head, is_chunked=self._is_chunked)

    def send_headers(self) -> None:
        """Write the head, if that has not been done."""
        if self._head:
            head, self._head = self._head, b""
            self._write(head)

    def taken_head(self) -> bytes:
        """The head, if it is still to be written: by who takes it. Raises ConnectionError where the client has left."""
        if self.transport.is_closing():
            raise ConnectionResetError("the connection is closing")
        head, self._head = self._head, b""
        self.output_size += len(head)
        return head

    async def write(self, data: bytes) -> None:
        """Write some content. Raises ConnectionError where the client has left."""
        if not data:
            return
        if self.length is not None:
            data = data[: self.length]
            self.length -= len(data)
        elif self._is_chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if self._head and len(data) <= JOINED:
            data, self._head = self._head + data, b""
        else:
            self.send_headers()
        self._write(data)
        await self.drain()

    def finish(self) -> None:
        """Write what is left: the head of an answer without content, the last chunk."""
        end = b"0\r\n\r\n" if self._is_chunked else b""
        if self._head or end:
            end, self._head = self._head + end, b""
            self._write(end)

    async def drain(self) -> None:
        """Wait for a client that reads slowly."""
        if self._connection.is_paused:
            await self._connection.drained()

    def _write(self, data: bytes) -> None:
        if self.transport.is_closing():
            raise ConnectionResetError("the connection is closing")
        self.output_size += len(data)
        self.transport.write(data)
