"""One request to the next hop, over aiohttp's client: pooled, with time limits, nothing followed, nothing decoded."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from httpcache import clock
from httpcache.fetch.failures import NextHopError
from httpcache.fetch.one_response import Connector
from httpcache.fetch.pace import Pace
from httpcache.fetch.turns import Turns
from httpcache.messages import Fields, RequestHead, ResponseHead
from httpcache.rules.fields import field_value, without_controls
from httpcache.settings import FetchSettings


class Reply(Protocol):
    """A response whose body is still to be read. Close it, read to the end or not. `length` is in bytes."""

    head: ResponseHead
    length: int | None
    server: str

    def chunks(self) -> AsyncIterator[bytes]:
        """The octets of the body. Raises NextHopError when it breaks off or falls silent."""
        ...

    def whole(self) -> bytes | None:
        """The body, if all of it has come; then `chunks` has nothing more to give. None while it has not."""
        ...

    async def close(self) -> None:
        """Give the connection back when the body was read to its end; else drop it."""
        ...


@dataclass(slots=True)
class _ClientReply:
    """See Reply."""

    head: ResponseHead
    length: int | None
    server: str
    _response: aiohttp.ClientResponse
    _silence: float | None
    _pace: Pace
    _turns: Turns | None

    async def chunks(self) -> AsyncIterator[bytes]:
        """See Reply."""
        content = self._response.content
        try:
            while True:
                asked = clock.monotonic()
                async with asyncio.timeout(self._silence):
                    data = await content.readany()
                if not data and content.at_eof():
                    return
                if self._pace.is_too_slow(len(data), clock.monotonic() - asked):
                    raise NextHopError("connection_read_timeout", 504, "body too slow")
                yield data
        except TimeoutError as error:
            raise NextHopError("connection_read_timeout", 504, "body fell silent") from error
        except (aiohttp.ClientError, OSError) as error:
            raise _named(error, started=True) from error

    def whole(self) -> bytes | None:
        """See Reply."""
        content = self._response.content
        if not content.is_eof() or content.exception() is not None:
            return None
        body = content.read_nowait()
        return body if content.at_eof() else None

    async def close(self) -> None:
        """See Reply."""
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()
        if self._turns is not None:
            self._turns.give(self.server)
            self._turns = None


Interim = Callable[[ResponseHead], None]
"""Takes an interim response (1xx) on its way to the client (RFC 9110 §15.2)."""

_interim: ContextVar[Interim | None] = ContextVar("interim", default=None)


class _WithInterim(aiohttp.ClientResponse):
    """A response whose interim responses are passed on; aiohttp reads over them."""

    async def start(self, connection: Any) -> aiohttp.ClientResponse:
        take, protocol = _interim.get(), connection.protocol
        if take is None or protocol is None:
            return await super().start(connection)
        read = protocol.read

        async def read_and_tell() -> Any:
            message, payload = await read()
            if 102 <= message.code <= 199:
                take(
                    ResponseHead(
                        message.code, _fields(message.raw_headers), without_controls(message.reason or "")
                    )
                )
            return message, payload

        protocol.read = read_and_tell
        try:
            return await super().start(connection)
        finally:
            protocol.read = read


class _Method(str):
    """A method in its own case, as methods have one (RFC 9110 §9.1); aiohttp would write it in capitals."""

    __slots__ = ()

    def upper(self) -> _Method:
        return self


class NextHop:
    """Asks servers by HTTP/1.1."""

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings
        self.turns = Turns(settings.connections, settings.turn_timeout)
        connector = Connector(
            limit=0,  # requests wait for their turn before they ask for a connection
            keepalive_timeout=settings.keepalive,
            ttl_dns_cache=60,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            response_class=_WithInterim,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=settings.connect_timeout or None,
                # Runs from the end of the request, so that an upload may take its time; bodies have their own limit.
                sock_read=max(settings.first_byte_timeout, settings.between_bytes_timeout) or None,
            ),
            max_line_size=settings.head_size,
            max_field_size=settings.head_size,
            max_headers=settings.fields,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def send(
        self,
        request: RequestHead,
        servers: Sequence[str],
        body: AsyncIterable[bytes] | None = None,
        host: str | None = None,
        interim: Interim | None = None,
    ) -> Reply:
        """Send to the first of `servers` that accepts; `host` replaces the Host field ("" is the server's own).

        Raises NextHopError. A request with a body is not sent twice.
        """
        _interim.set(interim)
        failure = NextHopError("destination_not_found", 502, "no origin for this host")
        for server in servers:
            await self.turns.take(server)
            reply = None
            try:
                reply = await self._send(request, server, body, host)
                return reply
            except NextHopError as error:
                failure = error
                if body is not None or error.error not in TRY_NEXT:
                    break
            finally:
                if reply is None:
                    self.turns.give(server)
        raise failure

    async def _send(
        self, request: RequestHead, server: str, body: AsyncIterable[bytes] | None, host: str | None
    ) -> Reply:
        fields = CIMultiDict((name, _writable(value)) for name, value in request.fields)
        if host is None:
            fields["Host"] = request.authority
        elif host:
            fields["Host"] = host
        limit = self._settings.first_byte_timeout or None
        try:
            async with asyncio.timeout(limit if body is None else None):
                response = await self._session.request(
                    _Method(request.method),
                    _url(server, request.target),
                    headers=fields,
                    data=body,
                    allow_redirects=False,
                )
        except aiohttp.ServerTimeoutError as error:
            raise NextHopError("connection_timeout", 504, "no connection in time") from error
        except TimeoutError as error:
            raise NextHopError("http_response_timeout", 504, "no response in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _named(error, started=False) from error
        if response.status == 101:
            response.close()  # nobody asked for another protocol (RFC 9110 §15.2.2)
            raise NextHopError("http_protocol_error", 502, "switched protocols unasked")
        if _head_size(response) > self._settings.head_size:
            response.close()
            raise NextHopError("http_response_header_section_size", 502, "head too large")
        head = ResponseHead(
            response.status, _fields(response.raw_headers), without_controls(response.reason or "")
        )
        silence = self._settings.between_bytes_timeout or None
        pace = Pace(self._settings.minimum_rate, self._settings.rate_window)
        return _ClientReply(head, _length(response), server, response, silence, pace, self.turns)


TRY_NEXT = frozenset({"connection_refused", "connection_timeout", "dns_error", "destination_unavailable"})
"""Errors after which the next server is asked: the request has not been sent."""


def _head_size(response: aiohttp.ClientResponse) -> int:
    """Octets of the head, in bytes: its lines, with their ends."""
    lines = sum(len(name) + len(value) + 4 for name, value in response.raw_headers)
    return lines + len("HTTP/1.1 200 \r\n\r\n") + len(response.reason or "")


def _fields(raw: Sequence[tuple[bytes, bytes]]) -> Fields:
    return Fields((name.decode("ascii", "replace"), field_value(value)) for name, value in raw)


def _url(server: str, target: str) -> URL:
    """The URL whose request target is `target`, to the octet (RFC 9110 §7.7)."""
    url = URL(f"{server}/*" if target == "*" else server + target, encoded=True)
    if target == "*" or target.endswith("?"):
        url._cache["raw_path_qs"] = target  # yarl knows no such target, and drops the mark of an empty query
    return url


def _writable(value: str) -> str:
    """A field value as aiohttp can write it: it leaves out octets that are no UTF-8, which are read as Latin-1 here."""
    if value.isascii():
        return value
    octets = value.encode("utf-8", "surrogateescape")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _length(response: aiohttp.ClientResponse) -> int | None:
    value = response.headers.get("Content-Length")
    if value is None or "Transfer-Encoding" in response.headers or not value.isascii() or not value.isdigit():
        return None
    return int(value)


def _named(error: Exception, *, started: bool) -> NextHopError:
    """The error of aiohttp's client or of the system, by its name in Proxy-Status."""
    match error:
        case aiohttp.SocketTimeoutError() | aiohttp.ServerTimeoutError():
            return NextHopError("connection_read_timeout", 504, "fell silent")
        case aiohttp.ClientConnectorDNSError():
            return NextHopError("dns_error", 502, "name not found")
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return NextHopError("tls_certificate_error", 502, "certificate not accepted")
        case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return NextHopError("tls_protocol_error", 502, "no TLS agreed")
        case aiohttp.ClientConnectorError() | ConnectionRefusedError():
            return NextHopError("connection_refused", 502, "no connection")
        case aiohttp.ClientPayloadError():
            return NextHopError("http_response_incomplete", 502, "body broken off")
        case aiohttp.ServerDisconnectedError() | ConnectionResetError():
            where = "body broken off" if started else "closed without a response"
            return NextHopError("http_response_incomplete", 502, where)
        case aiohttp.ClientResponseError() | aiohttp.InvalidURL() | ValueError():
            return NextHopError("http_protocol_error", 502, "not a valid response")
        case _:
            return NextHopError("connection_terminated", 502, type(error).__name__)
