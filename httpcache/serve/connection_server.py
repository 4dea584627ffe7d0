"""All client connections of a worker: made under limits, given their lanes, ended in time when the worker stops."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiohttp import web

from httpcache.serve.fast_lane import FastLane
from httpcache.serve.framework import Handler, parsing_limits
from httpcache.serve.limits import ConnectionLimits
from httpcache.serve.middle_lane import MiddleLane
from httpcache.serve.protocol import Connection
from httpcache.settings import ServeSettings


class ConnectionServer:
    """What the event loop's server calls for each connection. The framework's own server is asked only when needed."""

    def __init__(self, handler: Any, middle: MiddleLane, settings: ServeSettings) -> None:
        self._framework = web.Server(handler, handler_cancellation=True)
        self._parsing = parsing_limits(settings)
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self.limits = ConnectionLimits(settings)
        self.lane: FastLane | None = None
        """The fast lane; without one there is no middle lane either."""
        self.middle = middle
        self.open: dict[Connection, None] = {}
        """The connections that were admitted and have not ended."""
        self.is_ending = False
        """Whether a connection ends once it has nothing to answer."""

    def __call__(self) -> Connection:
        return Connection(self)

    @property
    def connections(self) -> list[Connection]:
        """The connections there are."""
        return list(self.open)

    def make_handler(self, connection: Connection) -> Handler:
        """The framework's handler for a connection."""
        size = self._settings.head_size
        return Handler(self._framework, loop=self._loop, owner=connection, head_size=size, **self._parsing)

    def pre_shutdown(self) -> None:
        """Have connections end as soon as they are idle."""
        self.is_ending = True
        self._framework.pre_shutdown()
        for connection in self.connections:
            if connection.is_idle and connection.handler is None and connection.transport is not None:
                connection.transport.close()

    async def shutdown(self, timeout: float | None = None) -> None:
        """End every connection, those that are being answered after at most `timeout` seconds, and look at none."""
        self.is_ending = True
        await asyncio.gather(*(_end(one, timeout) for one in self.connections))
        await self._framework.shutdown(0)  # those whose client has left
        self.limits.close()


async def _end(connection: Connection, timeout: float | None) -> None:
    task, handler = connection.task, connection.handler
    if task is not None:
        _, pending = await asyncio.wait([task], timeout=timeout)
        if pending:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    if handler is not None:
        await handler.shutdown(timeout if task is None else 0)
    if connection.transport is not None:
        connection.transport.close()
