"""A lean HTTP/1.1 client for measuring: keep-alive connections that count a body's octets and keep none of them."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from time import monotonic
from typing import cast

import httptools

from edgeward.addresses import Server


class AskError(Exception):
    """No whole answer came; the message is a word or two that errors are counted by."""


@dataclass(slots=True)
class Reply:
    """What came back: the status, octets of the body, and the Cache-Status field value."""

    status: int
    octets: int
    cache_status: str


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    __slots__ = (
        "_cache_status",
        "_done",
        "_octets",
        "_parser",
        "_started",
        "_touched",
        "_transport",
        "usable",
    )

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._done: asyncio.Future[Reply] | None = None
        self._octets = 0
        self._cache_status = b""
        self._started = 0.0
        self._touched = False
        self.usable = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(
            asyncio.WriteTransport, transport
        )  # uvloop's is one without inheriting from it
        self.usable = True

    def ask(self, request: bytes, since: float) -> asyncio.Future[Reply]:
        """Send a request that has waited since then (monotonic seconds); the reply, or an AskError, when it is over."""
        assert self._transport is not None and self._done is None
        self._octets, self._cache_status, self._touched = 0, b"", False
        self._started = since
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._done

    @property
    def untouched(self) -> bool:
        """Whether nothing of an answer has come: the server had closed the idle connection before it read."""
        return not self._touched

    def expire(self, oldest: float) -> None:
        """Give up a request that was sent before `oldest`, in monotonic seconds."""
        if self._done is not None and self._started < oldest:
            self._touched = True
            self._fail("time-out")

    def close(self) -> None:
        """Close it."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, why: str) -> None:
        done, self._done = self._done, None
        self.close()
        if done is not None and not done.done():
            done.set_exception(AskError(why))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._touched = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("malformed")

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._fail("cut off")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if len(name) == 12 and name.lower() == b"cache-status":
            self._cache_status = self._cache_status + b", " + value if self._cache_status else value

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._octets += len(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        done, self._done = self._done, None
        status = self._parser.get_status_code()
        if not self._parser.should_keep_alive():
            self.close()
        if done is not None and not done.done():
            done.set_result(Reply(status, self._octets, self._cache_status.decode("latin-1")))


class Target:
    """One server that is asked, with its idle connections. `host` is the Host that requests name.

    `timeout` bounds connecting, in seconds; who asks lets requests expire.
    """

    def __init__(self, server: Server, host: str, timeout: float = 60.0) -> None:
        self.server = server
        self._timeout = timeout
        self._tail = (
            f" HTTP/1.1\r\nHost: {host}\r\nUser-Agent: edgeward-load\r\nAccept: */*\r\n"
            "Accept-Encoding: gzip, deflate, br\r\n\r\n"
        ).encode()
        self._idle: deque[Connection] = deque()
        self._all: set[Connection] = set()
        self._tls = ssl.create_default_context() if server.scheme == "https" else None

    async def ask(self, path: str) -> Reply:
        """Ask for a path. Raises AskError."""
        request, since = b"GET " + path.encode() + self._tail, monotonic()
        while self._idle:
            connection = self._idle.pop()
            if not connection.usable:
                self._all.discard(connection)
                continue
            try:
                return await self._ask(connection, request, since)
            except AskError:
                if not connection.untouched:
                    raise
        return await self._ask(await self.connect(), request, since)

    async def _ask(self, connection: Connection, request: bytes, since: float) -> Reply:
        try:
            reply = await connection.ask(request, since)
        except BaseException:
            connection.close()
            self._all.discard(connection)
            raise
        if connection.usable:
            self._idle.append(connection)
        else:
            self._all.discard(connection)
        return reply

    async def connect(self) -> Connection:
        """A new connection. Raises AskError."""
        try:
            async with asyncio.timeout(self._timeout):
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection, self.server.host, self.server.port, ssl=self._tls
                )
        except TimeoutError as error:
            raise AskError("time-out") from error
        except OSError as error:
            raise AskError("no connection") from error
        self._all.add(connection)
        return connection

    def expire(self, oldest: float) -> None:
        """Give up requests that were sent before `oldest`, in monotonic seconds."""
        for connection in list(self._all):
            connection.expire(oldest)

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self._all):
            connection.close()
        self._all.clear()
