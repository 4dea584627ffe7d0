"""The way of a read to the fast lane, which the package's build compiles, too: hits.py says which form runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from httpcache.serve.framework import Handler
    from httpcache.serve.lane_parts import Client
    from httpcache.serve.limits import Watch


class Receiver:
    """What of a client's connection each read and each hit touches; protocol.py has the rest of it."""

    __slots__ = (
        "answer", "fd", "handler", "held", "is_paused", "is_trusted", "peer", "task", "transport", "watch",
    )  # fmt: skip

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.watch: Watch | None = None
        self.answer: Callable[[Client, bytes], bytes] | None = None
        """What the fast lane answers with, where there is one; see HitLane."""
        self.handler: Handler | None = None
        """The framework's, once it was needed."""
        self.task: asyncio.Task[None] | None = None
        """The answer that the middle lane is giving."""
        self.held = b""
        """What came meanwhile."""
        self.is_paused = False
        """Whether what was written waits for its client to read."""
        self.peer, self.is_trusted = "", False
        self.fd = -1
        """The socket, where octets may be written past the transport while nothing waits in that; else -1."""

    def data_received(self, data: bytes) -> None:
        """Octets came."""
        watch = self.watch
        if watch is None or watch.ends_at:
            return
        watch.has_moved = True
        if self.answer is None or self.handler is not None or self.task is not None or self.held:
            self.take(watch, data)
            return
        left = self.answer(self, data)
        if not left and not watch.head_began:
            return
        self.take_left(watch, data, left)

    def take(self, watch: Watch, data: bytes) -> None:
        """Take octets that are not for the fast lane alone to look at."""
        raise NotImplementedError

    def take_left(self, watch: Watch, data: bytes, left: bytes) -> None:
        """Take what the fast lane has left of `data`."""
        raise NotImplementedError
