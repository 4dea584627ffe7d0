"""One client connection: its octets go to the first lane that takes them, and each octet to one alone."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

from httpcache.serve.hits import Receiver
from httpcache.serve.limits import Watch

if TYPE_CHECKING:
    from httpcache.serve.connection_server import ConnectionServer

TURNS = 16
"""Turns of the loop in which a handler that is ending a request has to come to wait for the next."""

HELD = 64 * 2**10
"""Octets that wait for the answer before them until the connection is not read any more, in bytes."""


class Connection(Receiver, asyncio.Protocol):
    """A connection under limits.

    Where a request begins and all before it is answered, the fast lane is asked first, then the middle lane. What both
    leave is for the framework's handler, which is made only then, and has the connection until it waits for a request.
    """

    __slots__ = ("_drained", "_is_read", "_server")

    def __init__(self, server: ConnectionServer) -> None:
        super().__init__()
        self._server = server
        self._is_read = True
        self._drained: asyncio.Future[None] | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, where the limits admit one more connection."""
        server = self._server
        self.transport = cast(asyncio.Transport, transport)
        self.watch = watch = server.limits.admit(self.transport)
        if watch is None:
            return
        server.open[self] = None
        if watch.socket is not None:
            watch.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if server.lane is not None:
            name = transport.get_extra_info("peername")
            self.peer = name[0] if isinstance(name, tuple) else ""
            self.is_trusted = server.lane.trusts(self.peer)
            self.answer = server.lane.answer
            self.fd = watch.socket.fileno() if watch.socket is not None else -1

    def connection_lost(self, exc: BaseException | None) -> None:
        """End; what is being answered is given up."""
        watch, self.transport, self.fd = self.watch, None, -1
        if watch is None:
            return
        self._server.limits.leave(watch)
        self._server.open.pop(self, None)
        self.held = b""
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(ConnectionResetError("the connection is lost"))
        if self.task is not None:
            self.task.cancel()
        if self.handler is not None:
            self.handler.connection_lost(exc)

    def take(self, watch: Watch, data: bytes) -> None:
        """Take octets that are not for the fast lane alone to look at."""
        handler = self.handler
        if self.held or self.task is not None or (handler is not None and handler.is_about_to_wait):
            self._hold(data)
        elif self.answer is not None and (handler is None or handler.is_idle):
            self.take_left(watch, data, self.answer(self, data))
        else:
            self._hand_over(watch, data)

    def take_left(self, watch: Watch, data: bytes, left: bytes) -> None:
        """Take what the fast lane has left of `data`."""
        if len(left) < len(data) and watch.head_began:
            watch.head_ended()  # requests were answered beside the handler
        if not left:
            return
        rest = self._server.middle.answer(self, left)
        if self.task is None:
            self._hand_over(watch, left)
            return
        watch.head_ended()
        if rest:
            self._hold(rest)

    def pause_writing(self) -> None:
        """What was written waits for its client to read."""
        self.is_paused = True
        if self.handler is not None:
            self.handler.pause_writing()

    def resume_writing(self) -> None:
        """The client has read most of what was written."""
        self.is_paused = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        if self.handler is not None:
            self.handler.resume_writing()

    async def drained(self) -> None:
        """Wait until the client has read most of what was written. Raises ConnectionError where it left."""
        if self.transport is None:
            raise ConnectionResetError("the connection is lost")
        if self.is_paused:
            self._drained = asyncio.get_running_loop().create_future()
            try:
                await self._drained
            finally:
                self._drained = None

    # Lanes

    @property
    def is_idle(self) -> bool:
        """Whether all that came is answered, and no part of a request is there."""
        return self.task is None and not self.held and (self.handler is None or self.handler.is_idle)

    def _hand_over(self, watch: Watch, data: bytes) -> None:
        """Give octets to the framework, whatever they are."""
        if self.transport is None:
            return
        if self.handler is None:
            self.handler = self._server.make_handler(self)
            self.handler.begin(self.transport, is_paused=self.is_paused)
        self.handler.take(watch, data)

    def _hold(self, data: bytes) -> None:
        """Keep what came before the answer to the request before it is out, or before the handler waits again."""
        if self.task is None and not self.held:
            asyncio.get_running_loop().call_soon(self._go_on, TURNS)
        self.held += data
        if len(self.held) > HELD and self._is_read and self.transport is not None:
            self._is_read = False
            self.transport.pause_reading()

    def _go_on(self, turns: int) -> None:
        """Look at what was kept once the handler waits, or when it does not for so many turns of the loop."""
        handler = self.handler
        if turns and handler is not None and handler.is_about_to_wait and self._is_open():
            asyncio.get_running_loop().call_soon(self._go_on, turns - 1)
            return
        if handler is not None:
            handler.is_ending = False
        self._look_at_held()

    def answered(self) -> None:
        """Go on after an answer of the middle lane."""
        self.task = None
        if self._server.is_ending and self.transport is not None:
            self.transport.close()
        self._look_at_held()

    def _look_at_held(self) -> None:
        held, self.held = self.held, b""
        if not self._is_open():
            return
        if not self._is_read and self.transport is not None:
            self._is_read = True
            self.transport.resume_reading()
        if held:
            self.data_received(held)

    def _is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()
