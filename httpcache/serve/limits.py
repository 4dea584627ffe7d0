"""Limits of client connections: how many there are, how long a head may take, how slowly a client may read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from httpcache import clock
from httpcache.observe import metrics
from httpcache.settings import ServeSettings

_ACKED, _UNSENT = struct.Struct("<Q"), struct.Struct("<I")
_ACKED_AT, _UNSENT_AT, _INFO_SIZE = 120, 144, 192
"""Where Linux tells of the octets acknowledged, and of those not sent yet, in TCP_INFO (tcp_info in linux/tcp.h)."""

LINGER = 1.0
"""How long a client that has been told of the end may go on writing, in seconds."""

REFUSED_AT_ONCE = 256
"""Refused connections that may go on writing at any time; those beyond are closed at once."""

LOOKED_AT = 128
"""Connections looked at without giving others a turn: asking the kernel takes some microseconds for each."""

IDLE_LOOKED_AT = 64
"""Connections, oldest first, among which an idle one is looked for when there is no room for a new one."""


class Watch:
    """What the limits know of one connection. Whoever reads its octets tells of heads; nothing else is needed."""

    __slots__ = (
        "acked", "busy", "ends_at", "has_moved", "head_began", "head_octets", "idle_since", "moved_at", "slow_since",
        "socket", "transport",
    )  # fmt: skip

    def __init__(self, transport: asyncio.Transport, now: float) -> None:
        self.transport = transport
        self.socket: socket.socket | None = transport.get_extra_info("socket")
        self.head_began = now
        """When the head that is arriving began; 0 when none is."""
        self.head_octets = 0
        self.busy = False
        """Whether a request is being answered."""
        self.has_moved, self.idle_since = False, now
        """Whether octets have come since this was last looked at, and when it was seen first that none do."""
        self.ends_at = 0.0
        """When the connection is closed, which has been told its last and is not read any more; 0 while it lives."""
        self.slow_since, self.acked = 0.0, 0
        """Since when octets have waited for this client, and how many it had acknowledged by then."""
        self.moved_at = (0.0, 0)

    def head_goes_on(self, octets: int) -> None:
        """Octets came, and a head is still incomplete."""
        self.head_octets += octets
        if not self.head_began:
            self.head_began = clock.monotonic()

    def head_ended(self) -> None:
        """No head is incomplete: one has just ended, or a request's content is what comes."""
        self.head_began, self.head_octets = 0.0, 0


class ConnectionLimits:
    """Admits connections, and ends those whose clients are too slow: one look at all of them now and then."""

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings
        self._watches: dict[Watch, None] = {}
        self._refused = 0
        self._timer: asyncio.TimerHandle | None = None
        limits = (
            settings.head_timeout,
            settings.send_timeout,
            settings.rate_window,
            settings.idle_timeout,
            4.0,
        )
        self._every = max(0.02, min(limit for limit in limits if limit) / 4)

    def __len__(self) -> int:
        return len(self._watches)

    def admit(self, transport: asyncio.Transport) -> Watch | None:
        """Watch a new connection; None when there are too many: it has been told so, and closed."""
        if len(self._watches) >= self._settings.connections and not self._close_an_idle_one():
            self._refuse(transport)
            return None
        watch = Watch(transport, clock.monotonic())
        self._watches[watch] = None
        if self._timer is None:
            self._look_later()
        return watch

    def _refuse(self, transport: asyncio.Transport) -> None:
        """Say that there are too many connections, and close: a moment later, so that the client hears it."""
        metrics.CUT.labels(metrics.Limit.CONNECTIONS).inc()
        transport.write(told(503, "Service Unavailable", "too many connections", "Retry-After: 1\r\n"))
        if self._refused >= REFUSED_AT_ONCE or not transport.can_write_eof():
            transport.close()
            return

        def close() -> None:
            self._refused -= 1
            transport.close()

        transport.write_eof()
        self._refused += 1
        asyncio.get_running_loop().call_later(LINGER, close)

    def leave(self, watch: Watch) -> None:
        """Forget a connection that has ended."""
        self._watches.pop(watch, None)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _close_an_idle_one(self) -> bool:
        """Close the oldest connection without a request: idle ones must not keep others out."""
        for watch, _ in zip(self._watches, range(IDLE_LOOKED_AT), strict=False):
            if not watch.busy and not watch.head_began and not watch.transport.get_write_buffer_size():
                metrics.CUT.labels(metrics.Limit.IDLE).inc()
                self.leave(watch)
                watch.transport.close()
                return True
        return False

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(
            self._every, lambda: self._look(list(self._watches))
        )

    def _look(self, left: list[Watch]) -> None:
        """Look at some connections, and at those left when others have had their turn."""
        now = clock.monotonic()
        for watch in left[:LOOKED_AT]:
            if watch not in self._watches:
                continue  # it has ended since this round began
            if watch.ends_at:
                if now > watch.ends_at:
                    watch.transport.close()
            elif watch.head_began and not watch.busy and self._is_head_late(watch, now):
                end_head(watch, 408, "Request Timeout", metrics.Limit.HEAD)
            elif self._reads_too_slowly(watch, now):
                _cut(watch)
            elif self._is_idle_for_too_long(watch, now):
                watch.transport.close()
        if len(left) > LOOKED_AT:
            self._timer = asyncio.get_running_loop().call_later(0, self._look, left[LOOKED_AT:])
        elif self._watches:
            self._look_later()
        else:
            self._timer = None

    def _is_head_late(self, watch: Watch, now: float) -> bool:
        limit = self._settings.head_timeout
        return bool(limit) and now - watch.head_began > limit and not watch.transport.is_closing()

    def _is_idle_for_too_long(self, watch: Watch, now: float) -> bool:
        if watch.busy or watch.has_moved or watch.head_octets or watch.transport.get_write_buffer_size():
            watch.has_moved, watch.idle_since = False, now
            return False
        limit = self._settings.idle_timeout
        return bool(limit) and now - watch.idle_since > limit

    def _reads_too_slowly(self, watch: Watch, now: float) -> bool:
        """Whether octets have waited for this client, and it took none for too long, or too few over the window.

        Told by the kernel, so that it holds however octets are sent, and for connections that only wait to be closed.
        """
        settings, buffered = self._settings, watch.transport.get_write_buffer_size()
        if not buffered and not watch.busy:
            watch.slow_since = 0.0
            return False
        acked, unsent = _progress(watch.socket, buffered)
        if not buffered and not unsent:
            watch.slow_since = 0.0
            return False
        if not watch.slow_since:
            watch.slow_since, watch.acked, watch.moved_at = now, acked, (now, acked)
            return False
        if acked != watch.moved_at[1]:
            watch.moved_at = (now, acked)
        elif settings.send_timeout and now - watch.moved_at[0] > settings.send_timeout:
            return True
        waited = now - watch.slow_since
        if waited < settings.rate_window:
            return False
        is_slow = acked - watch.acked < settings.minimum_rate * waited
        watch.slow_since, watch.acked = now, acked
        return is_slow


def end_head(watch: Watch, status: int, reason: str, limit: metrics.Limit) -> None:
    """End a connection whose head is not going to be read; a client that has begun one is told why.

    It may still be writing: closed at once, the system would tell it of a reset and drop what it was told.
    """
    metrics.CUT.labels(limit).inc()
    transport, has_begun = watch.transport, watch.head_octets > 0
    watch.head_ended()
    if not has_begun or watch.busy or not transport.can_write_eof():
        transport.close()
        return
    transport.write(told(status, reason, reason.lower()))
    transport.write_eof()
    watch.ends_at = clock.monotonic() + LINGER


def _cut(watch: Watch) -> None:
    """Reset a connection. Closed as usual, the system would keep what waits for this client, and go on asking it."""
    metrics.CUT.labels(metrics.Limit.READING).inc()
    with contextlib.suppress(OSError, ValueError):
        if watch.socket is not None:
            watch.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    watch.transport.abort()


def told(status: int, reason: str, text: str, more: str = "") -> bytes:
    """A short answer to what never became a request, after which the connection ends."""
    return (
        f"HTTP/1.1 {status} {reason}\r\nServer: edgeward\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(text) + 1}\r\nCache-Control: no-store\r\n{more}Connection: close\r\n\r\n{text}\n"
    ).encode("ascii")


def _progress(sock: socket.socket | None, buffered: int) -> tuple[int, int]:
    """Octets that the client has acknowledged, and octets that the kernel holds for it.

    Where the kernel does not tell, any change of what waits in this process counts as progress.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError, struct.error):
        told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE) if sock is not None else b""
        return _ACKED.unpack_from(told, _ACKED_AT)[0], _UNSENT.unpack_from(told, _UNSENT_AT)[0]
    return buffered, 0
