"""The content of a request on its way in: bounded in size, in silence and in slowness."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import hdrs, web
from aiohttp.http import HttpVersion11

from httpcache import clock
from httpcache.fetch.pace import Pace
from httpcache.observe import metrics
from httpcache.rules.decisions import Refusal
from httpcache.settings import ServeSettings


class IncomingContent:
    """The content of aiohttp's request. A client that waits for leave to send it gets that when it is first read.

    Only time in which octets are wanted counts against a client: a next hop that reads slowly is not its fault.
    """

    def __init__(self, request: web.BaseRequest, settings: ServeSettings) -> None:
        self.refusal: Refusal | None = None
        self._request = request
        self._settings = settings
        self._pace = Pace(settings.minimum_rate, settings.rate_window)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        request, largest, seen = self._request, self._settings.request_body, 0
        expects = request.headers.get(hdrs.EXPECT, "").lower() == "100-continue"
        if expects and request.version >= HttpVersion11 and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while data := await self._next():
            seen += len(data)
            if largest and seen > largest:
                raise self._refused(413, "content-too-large")
            yield data

    async def _next(self) -> bytes:
        began = clock.monotonic()
        try:
            async with asyncio.timeout(self._settings.body_timeout or None):
                data = await self._request.content.readany()
        except TimeoutError:
            raise self._refused(408, "content-too-slow") from None
        if self._pace.is_too_slow(len(data), clock.monotonic() - began):
            raise self._refused(408, "content-too-slow")
        return data

    def _refused(self, status: int, detail: str) -> ValueError:
        if status == 408:
            metrics.CUT.labels(metrics.Limit.BODY).inc()
        self.refusal = Refusal(status, detail)
        return ValueError(detail)
