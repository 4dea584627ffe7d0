"""The link to what is close by: GET over plain HTTP/1.1 without what a client for the open internet has to carry."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from httpcache.fetch.failures import NextHopError
from httpcache.fetch.link_connection import Interim, LinkConnection
from httpcache.fetch.next_hop import TRY_NEXT, NextHop, Reply
from httpcache.fetch.turns import Turns
from httpcache.messages import RequestHead, ResponseHead
from httpcache.settings import FetchSettings


class _LinkReply:
    """See Reply."""

    __slots__ = ("_connection", "_pool", "_turns", "head", "length", "server")

    def __init__(
        self, head: ResponseHead, server: str, turns: Turns, pool: _Pool, connection: LinkConnection
    ) -> None:
        self.head = head
        self.server = server
        length = head.fields.get("content-length")
        told = length is not None and length.isdigit() and "transfer-encoding" not in head.fields
        self.length = int(length) if told and length is not None else None
        self._turns = turns
        self._pool = pool
        self._connection: LinkConnection | None = connection

    def chunks(self) -> AsyncIterator[bytes]:
        """See Reply."""
        assert self._connection is not None
        return self._connection.chunks()

    def whole(self) -> bytes | None:
        """See Reply."""
        return self._connection.whole() if self._connection is not None else None

    async def close(self) -> None:
        """See Reply."""
        if self._connection is not None:
            self._pool.put_back(self._connection)
            self._connection = None
            self._turns.give(self.server)


class _Pool:
    """Connections to one server: the one used last is used next, so that the others may grow old and end."""

    def __init__(self, server: str, settings: FetchSettings, *, to_origin: bool) -> None:
        parts = urlsplit(server)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._settings = settings
        self._to_origin = to_origin
        self._idle: list[LinkConnection] = []

    async def take(self) -> LinkConnection:
        """A connection, kept or new. Raises NextHopError."""
        return self._kept() or await self._connect()

    def _kept(self) -> LinkConnection | None:
        oldest = asyncio.get_running_loop().time() - self._settings.keepalive
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and connection.kept_at >= oldest:
                return connection
            connection.close()
        return None

    async def _connect(self) -> LinkConnection:
        loop, settings = asyncio.get_running_loop(), self._settings
        try:
            async with asyncio.timeout(settings.connect_timeout or None):
                _, made = await loop.create_connection(
                    lambda: LinkConnection(settings, to_origin=self._to_origin), self._host, self._port
                )
        except TimeoutError as error:
            raise NextHopError("connection_timeout", 504, "no connection in time") from error
        except OSError as error:
            raise NextHopError("connection_refused", 502, "no connection") from error
        return made

    def put_back(self, connection: LinkConnection) -> None:
        """Keep a connection whose response was read to its end; end any other."""
        if connection.may_be_kept:
            connection.kept_at = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """End the idle connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()


@lru_cache(1024)
def is_close(server: str) -> bool:
    """Whether a server is given over plain HTTP and by an address of a network of its operator's own (RFC 6890)."""
    parts = urlsplit(server)
    if parts.scheme != "http" or parts.hostname is None:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        address = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return False
    return address.is_loopback or address.is_private


class Link:
    """Asks other tiers of ours, or origins that are close; all that is no plain GET goes by the client for everybody.

    So does what goes to an origin that is not: see is_close.
    """

    def __init__(self, settings: FetchSettings, *, to_origins: bool = False) -> None:
        self._settings = settings
        self._to_origins = to_origins
        self._is_near: Callable[[str], bool] = is_close if to_origins else _is_plain
        self._others = NextHop(settings)
        self._pools: dict[str, _Pool] = {}
        self._turns = self._others.turns

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()
        await self._others.close()

    async def send(
        self,
        request: RequestHead,
        servers: Sequence[str],
        body: AsyncIterable[bytes] | None = None,
        host: str | None = None,
        interim: Interim | None = None,
    ) -> Reply:
        """See NextHop."""
        if body is not None or request.method != "GET" or not all(map(self._is_near, servers)):
            return await self._others.send(request, servers, body, host, interim)
        failure = NextHopError("destination_not_found", 502, "no origin for this host")
        for server in servers:
            name = host if host else server.partition("//")[2] if host == "" else request.authority
            octets = _request(request, name)
            await self._turns.take(server)
            reply = None
            try:
                reply = await self._ask(server, octets, interim)
                return reply
            except NextHopError as error:
                failure = error
                if error.error not in TRY_NEXT:
                    break
            finally:
                if reply is None:
                    self._turns.give(server)
        raise failure

    async def _ask(self, server: str, octets: bytes, interim: Interim | None) -> Reply:
        """Ask on a kept connection; where its server has closed it without a word, ask once more on another."""
        pool = self._pools.get(server)
        if pool is None:
            pool = self._pools[server] = _Pool(server, self._settings, to_origin=self._to_origins)
        limit = self._settings.first_byte_timeout or None
        while True:
            connection = await pool.take()
            try:
                head = await connection.ask(octets, limit, interim)
            except NextHopError as error:
                was_kept = connection.kept_at > 0 and not connection.begun
                pool.put_back(connection)
                if not was_kept or error.error != "http_response_incomplete":
                    raise
            except BaseException:
                pool.put_back(connection)
                raise
            else:
                return _LinkReply(head, server, self._turns, pool, connection)


def _is_plain(server: str) -> bool:
    return server.startswith("http:")


def _request(request: RequestHead, host: str) -> bytes:
    """The head of a request as octets (RFC 9112 §3, §5). Raises NextHopError where a line would not be one line."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in request.fields.lines])
    text = f"{request.method} {request.target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n"
    if text.count("\n") != len(request.fields) + 3 or text.count("\r") != len(request.fields) + 3:
        raise NextHopError("http_request_error", 400, "a field with a line break")
    return text.encode("utf-8", "surrogateescape")
