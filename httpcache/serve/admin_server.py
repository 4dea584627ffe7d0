"""The server of the admin listener: bounded connections and heads, and every failure told in words of our own."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiohttp import web

from httpcache.purge.problems import Problem

log = logging.getLogger("edgeward.admin")

MOST_CONNECTIONS = 2048
"""Connections at once: each worker of each node that follows the log has two."""
HEAD_TIME = 10.0
"""Longest wait for a head that has begun, in seconds."""
IDLE_TIME = 75.0
"""Longest wait for the next request of a connection, in seconds."""

MALFORMED = Problem(
    400, "request-malformed", "What came is not a request in HTTP/1.1, or its head is too large."
)
FAILED = Problem(500, "node-failed", "The node could not answer; its log says why.")
UNEXPECTED = Problem(
    417, "expectation-unknown", "Expect may say 100-continue, and nothing else is known here."
)
TOO_SLOW = Problem(504, "node-slow", "The node could not answer in time.")


class AdminConnection(web.RequestHandler):
    """One connection. What aiohttp would answer and log by itself, it answers as a problem."""

    def __init__(self, manager: web.Server, loop: asyncio.AbstractEventLoop, **settings: Any) -> None:
        super().__init__(manager, loop=loop, **settings)
        self._clock = loop
        self._slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol. One too many is closed at once."""
        super().connection_made(transport)
        manager = self._manager
        if manager is not None and len(manager.connections) > MOST_CONNECTIONS:
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """See asyncio.Protocol."""
        self._watch(waits=False)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol. A head that has begun must come to its end in time."""
        super().data_received(data)
        self._watch(waits=self._waiter is not None and not self._messages)

    def _watch(self, *, waits: bool) -> None:
        if not waits and self._slow is not None:
            self._slow.cancel()
            self._slow = None
        elif waits and self._slow is None:
            self._slow = self._clock.call_later(HEAD_TIME, self.force_close)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is no request, or to one that the node has failed; only the latter is the log's affair."""
        problem = {500: FAILED, 504: TOO_SLOW}.get(status, MALFORMED)
        if problem is FAILED and not isinstance(
            exc, ConnectionError
        ):  # else who asked has left, and that is all
            log.error("a question of %s could not be answered", request.remote, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        answer = web.json_response(problem.document, status=problem.status)
        answer.force_close()
        return answer


class _Server(web.Server):
    def __call__(self) -> AdminConnection:
        return AdminConnection(self, self._loop, **self._kwargs)


class AdminRunner(web.AppRunner):
    """Runs an application on such connections."""

    def __init__(self, app: web.Application, **settings: Any) -> None:
        super().__init__(app, keepalive_timeout=IDLE_TIME, **settings)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()

        async def answered(request: web.BaseRequest) -> web.StreamResponse:
            try:
                return await made.request_handler(request)
            except web.HTTPException as told:
                return _in_our_words(told)

        return _Server(answered, request_factory=made.request_factory, **made._kwargs)


def _in_our_words(told: web.HTTPException) -> web.Response:
    """What aiohttp refuses before anybody of ours has seen it, as a problem."""
    if told.status == UNEXPECTED.status:
        problem = UNEXPECTED
    else:
        problem = Problem(told.status, "request-refused", f"The request is refused: {told.reason}.")
    kept = {name: told.headers[name] for name in ("Allow",) if name in told.headers}
    return web.json_response(problem.document, status=problem.status, headers=kept)
