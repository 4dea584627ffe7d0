"""The adapter to aiohttp's low-level server: any Host, any path, all methods, bodies streamed in both directions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion10, HttpVersion11, StreamWriter
from multidict import CIMultiDict

from httpcache import clock
from httpcache.fetch.failures import NextHopError
from httpcache.messages import Fields, RequestHead, ResponseHead
from httpcache.observe import access_log
from httpcache.rules.decisions import Refusal
from httpcache.rules.fields import field_value
from httpcache.rules.forwarding import without_hop_by_hop
from httpcache.rules.request_target import Target, read_target
from httpcache.serve.connection_server import ConnectionServer
from httpcache.serve.exchange import Answer, BrokenOff, Incoming, as_closeable
from httpcache.serve.framework import Handler
from httpcache.serve.incoming_content import IncomingContent
from httpcache.serve.middle_lane import MiddleLane
from httpcache.serve.peers import Peers
from httpcache.serve.sending import send_body
from httpcache.serve.telling import Delivery, Telling
from httpcache.settings import ServeSettings

Answering = Callable[[Incoming], Awaitable[Answer]]
Refusing = Callable[[Refusal], Answer]


class _Plain(web.StreamResponse):
    """A response whose fields are exactly those that were decided: nothing added, nothing guessed."""

    async def _prepare_headers(self) -> None:
        request, writer = self._req, self._payload_writer
        assert request is not None and writer is not None
        keep_alive = request.keep_alive if self._keep_alive is None else self._keep_alive
        length = self._headers.get(hdrs.CONTENT_LENGTH)
        bodiless = self._must_be_empty_body
        if not bodiless and length is not None:
            writer.length = int(length)
        elif not bodiless and request.version >= HttpVersion11:
            writer.enable_chunking()
            self._headers[hdrs.TRANSFER_ENCODING] = "chunked"
        elif not bodiless:
            keep_alive = False
        self._keep_alive = keep_alive
        if not keep_alive and request.version >= HttpVersion11:
            self._headers[hdrs.CONNECTION] = "close"
        elif keep_alive and request.version == HttpVersion10:
            self._headers[hdrs.CONNECTION] = "keep-alive"

    async def _write_headers(self) -> None:
        """The head, with octets that are no UTF-8 (a name in Latin-1 in Location, say), which aiohttp leaves out."""
        writer, is_sent_now = self._payload_writer, self._send_headers_immediately
        self._send_headers_immediately = False
        await super()._write_headers()  # which refuses what would end a line
        assert isinstance(writer, StreamWriter)
        if not all(map(str.isascii, self._headers.values())):
            first, _, _ = (writer._headers_buf or b"").partition(b"\r\n")
            lines = "".join(f"{name}: {value}\r\n" for name, value in self._headers.items())
            writer._headers_buf = first + f"\r\n{lines}\r\n".encode("utf-8", "surrogateescape")
        if is_sent_now:
            writer.send_headers()


class HttpServer:
    """Turns aiohttp's requests into ours, and our answers into its responses."""

    def __init__(
        self,
        answer: Answering,
        refuse: Refusing,
        settings: ServeSettings,
        log: access_log.AccessLog,
        node: str,
        *,
        trusts_all: bool,
    ) -> None:
        self._answer = answer
        self._refusal = refuse
        self._settings = settings
        self._telling = Telling(log, node)
        self.peers = Peers(settings.trusted_proxies, trusts_all=trusts_all)
        middle = MiddleLane(answer, self.peers, self._telling, settings)
        self.web_server = ConnectionServer(self._handle, middle, settings)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        handler = cast(Handler, request.protocol)
        watch = handler.owner.watch
        assert watch is not None
        watch.busy = True
        try:
            return await self._respond(request)
        finally:
            watch.busy = False
            handler.is_ending = True

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        began, delivery = clock.monotonic(), Delivery()
        target = self._read(request)
        forwarded_for = request.headers.getall("X-Forwarded-For", [])
        client = self.peers.client(request.remote or "", forwarded_for[-1] if forwarded_for else None)
        if isinstance(target, Refusal):
            head, answer = RequestHead(request.method, "http", "", request.raw_path), self._refusal(target)
        else:
            fields = _fields(request)
            head = RequestHead(request.method, target.scheme, target.authority, target.target, fields)
            content = IncomingContent(request, self._settings) if request.body_exists else None
            version = f"{request.version.major}.{request.version.minor}"
            answer = await self._answer(Incoming(head, client, content, _interim_to(request), version))
        try:
            # The parser drops what it was given behind a request to upgrade: the client must not wait for its answer.
            close = isinstance(target, Refusal) or request._message.upgrade
            return await self._send(request, answer, delivery, close=close)
        except asyncio.CancelledError:
            delivery.end = delivery.end or "client-left"
            raise
        finally:
            self._telling.tell(head, client, began, answer.head.status, answer.handling, delivery)

    def _read(self, request: web.BaseRequest) -> Target | Refusal:
        message = request._message
        if not _answers_in_http_1(request):
            return Refusal(505, "version-not-supported")
        if len(message.path) > self._settings.url_length:
            return Refusal(414, "target-too-long")
        if len(request.raw_headers) > self._settings.fields:
            return Refusal(431, "too-many-fields")
        if _head_size(request) > self._settings.head_size:
            return Refusal(431, "head-too-large")
        length = request.headers.get(hdrs.CONTENT_LENGTH, "0")
        if self._settings.request_body and length.isdigit() and int(length) > self._settings.request_body:
            return Refusal(413, "content-too-large")
        scheme = self.peers.scheme(request.remote, request.headers.get("X-Forwarded-Proto", ""))
        return read_target(
            request.method,
            message.path,
            request.headers.getall(hdrs.HOST, []),
            scheme,
            is_http_11=request.version >= HttpVersion11,
        )

    async def _send(
        self, request: web.BaseRequest, answer: Answer, delivery: Delivery, *, close: bool
    ) -> web.StreamResponse:
        head = answer.head
        response = _Plain(
            status=head.status, reason=head.reason or None, headers=CIMultiDict(head.fields.lines)
        )
        if close:
            response.force_close()
        try:
            await response.prepare(request)
            if request.method != "HEAD" and head.status not in (204, 304):
                await send_body(request, response, answer.body, delivery)
            await response.write_eof()
        except (BrokenOff, NextHopError):
            # The head is out: only an end before its time tells the client that octets are missing (RFC 9112 §8).
            delivery.end = "broken-off"
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            delivery.end = "client-left"  # what it asked for goes on arriving for others
        finally:
            if (held := as_closeable(answer.body)) is not None:
                await asyncio.shield(held.aclose())
        return response


def _answers_in_http_1(request: web.BaseRequest) -> bool:
    """Have a request answered in 1.0 or 1.1, whatever it calls itself (RFC 9110 §2.5); whether it is of HTTP/1."""
    told = request._version  # what `version` remembers once it is asked
    request._version = min(max(told, HttpVersion10), HttpVersion11)
    return told.major == 1


def _head_size(request: web.BaseRequest) -> int:
    """Octets of a request's head, less those that only separate."""
    fields = sum(len(name) + len(value) for name, value in request.raw_headers)
    return len(request.method) + len(request._message.path) + fields


def _fields(request: web.BaseRequest) -> Fields:
    return Fields(
        (name.decode("ascii", "replace"), field_value(value)) for name, value in request.raw_headers
    )


def _interim_to(request: web.BaseRequest) -> Callable[[ResponseHead], None] | None:
    """Writes interim responses to a client; None for HTTP/1.0, which cannot read them (RFC 9110 §15.2)."""
    transport = request.transport
    if request.version < HttpVersion11 or transport is None:
        return None

    def write(head: ResponseHead) -> None:
        if request.writer.output_size == 0 and not transport.is_closing():
            lines = "".join(f"{name}: {value}\r\n" for name, value in without_hop_by_hop(head.fields))
            reason = head.reason or "Interim"
            transport.write(
                f"HTTP/1.1 {head.status} {reason}\r\n{lines}\r\n".encode("utf-8", "surrogateescape")
            )

    return write
