"""Sends bodies to clients: octets through the loop's transport, octets in files by the kernel alone (sendfile)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from httpcache.serve.exchange import Body, BrokenOff, InFiles, as_in_files
from httpcache.serve.outgoing import Outgoing
from httpcache.serve.telling import Delivery
from httpcache.store.segments import Place

IS_POSSIBLE = hasattr(os, "sendfile") and sys.platform.startswith("linux")
"""Whether this system sends files to sockets that do not block."""


async def send_body(
    request: web.BaseRequest,
    response: web.StreamResponse,
    body: Body,
    delivery: Delivery,
) -> None:
    """Send a body whose head is out, or goes out with its first octets."""
    if isinstance(body, bytes):
        if body:
            await response.write(body)
        delivery.sent = len(body)
    elif (
        (in_files := as_in_files(body)) is not None
        and may_send_files(request.transport)
        and response.content_length is not None
    ):
        await _send_in_files(request, response, in_files, delivery)
    else:
        async for data in body:
            await response.write(data)
            delivery.sent += len(data)


async def _send_in_files(
    request: web.BaseRequest, response: web.StreamResponse, body: InFiles, delivery: Delivery
) -> None:
    transport, writer = request.transport, response._payload_writer
    assert transport is not None and writer is not None
    sender: FileSender | None = None
    try:
        async for some in body.in_files():
            if not isinstance(some, Place):
                await response.write(some)
                delivery.sent += len(some)
                continue
            if sender is None:
                sender = FileSender(transport, writer)
            before = delivery.sent
            try:
                await sender.send(some, delivery)
            except BrokenOff:
                async for data in body.unread(delivery.sent - before):
                    await response.write(data)
                    delivery.sent += len(data)
    finally:
        if sender is not None:
            sender.close()


def may_send_files(transport: asyncio.BaseTransport | None) -> bool:
    """Whether what the kernel sends reaches the client as it is: on a plain socket."""
    return (
        IS_POSSIBLE
        and transport is not None
        and transport.get_extra_info("sslcontext") is None
        and transport.get_extra_info("socket") is not None
    )


TURN = 4 * 2**20
"""Octets sent to one client that takes them at once, before others have their turn."""


class FileSender:
    """Sends files on the connection of one transport, to which nobody else writes meanwhile. To be closed.

    uvloop has no sendfile, and lets nobody wait for a descriptor that its transports use: so the descriptor is doubled
    once a client takes its time.
    """

    def __init__(self, transport: asyncio.Transport, writer: AbstractStreamWriter | Outgoing) -> None:
        self._socket: socket.socket = transport.get_extra_info("socket")
        self._transport = transport
        self._writer = writer
        self._doubled = -1
        self._loop = asyncio.get_running_loop()
        self._left = TURN

    def close(self) -> None:
        """Give the doubled descriptor back: a connection whose transport has been closed ends only then."""
        if self._doubled >= 0:
            os.close(self._doubled)
            self._doubled = -1

    @property
    def _own(self) -> int:
        """A descriptor that stays what it is while somebody waits."""
        if self._doubled < 0:
            self._doubled = os.dup(self._socket.fileno())
        return self._doubled

    async def send(self, place: Place, delivery: Delivery) -> None:
        """Send the octets of a place. Raises ConnectionError where the client left, BrokenOff where they are gone."""
        await self._until_written()
        sent = 0
        while sent < place.length:
            if self._transport.is_closing():
                raise ConnectionResetError("the connection is closing")
            more = await self._some(place, sent)
            self._count(more)
            self._left -= more
            sent += more
            delivery.sent += more
            if sent < place.length:
                await self._until_writable()
            elif self._left <= 0:
                self._left = TURN
                await asyncio.sleep(0)

    def _count(self, octets: int) -> None:
        """Have aiohttp's writer know of the octets that did not go through it."""
        self._writer.output_size += octets
        if self._writer.length is not None:
            self._writer.length -= octets

    async def _until_written(self) -> None:
        """Wait until the transport has given everything to the kernel, so that nothing is overtaken."""
        self._send_head()
        if not self._transport.get_write_buffer_size():
            return
        self._transport.set_write_buffer_limits(high=0)
        try:
            while self._transport.get_write_buffer_size():
                await self._writer.drain()
                await asyncio.sleep(0)
        finally:
            if not self._transport.is_closing():
                self._transport.set_write_buffer_limits()

    def _send_head(self) -> None:
        """Send a head that is still to go out: past the transport where that can be, which would take a turn for it."""
        if not isinstance(self._writer, Outgoing) or self._transport.get_write_buffer_size():
            self._writer.send_headers()
            return
        head, sent = self._writer.taken_head(), 0
        if head:
            with contextlib.suppress(BlockingIOError):
                sent = os.write(self._socket.fileno(), head)
            if sent < len(head):
                self._transport.write(head[sent:])

    async def _some(self, place: Place, sent: int) -> int:
        """As many octets as the socket takes now; in a thread, where the file would have to be read from a disk."""
        if (more := _send_cached(self._socket.fileno(), place, sent)) is not None:
            return more
        work = self._loop.run_in_executor(None, _send_some, self._own, place, sent)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The thread must not meet the descriptor closed, and opened for something else.
            await asyncio.wait([work])
            if not work.cancelled():
                work.exception()  # read here: nobody else will
            raise
        except ConnectionError:
            raise
        except OSError as error:
            raise BrokenOff from error

    async def _until_writable(self) -> None:
        self._left = TURN
        writable = self._loop.create_future()
        self._loop.add_writer(self._own, _resolve, writable)
        try:
            await writable
        finally:
            self._loop.remove_writer(self._own)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


PROBED = 256 * 2**10
"""Distance of the octets by which is seen whether the system has a file in its memory."""


def _send_cached(descriptor: int, place: Place, sent: int) -> int | None:
    """See _send_some; None where it might wait for a disk. A thread would cost more than the octets do."""
    try:
        file = place.opened()
        try:
            if _is_cached(file, place.offset + sent, place.offset + place.length):
                return _send(descriptor, file, place, sent)
        finally:
            os.close(file)
    except ConnectionError:
        raise
    except OSError:
        pass
    return None


def _is_cached(file: int, first: int, end: int) -> bool:
    octet = [bytearray(1)]
    try:
        for at in range(first, end, PROBED):
            if os.preadv(file, octet, at, os.RWF_NOWAIT) != 1:
                return False
        return os.preadv(file, octet, end - 1, os.RWF_NOWAIT) == 1
    except BlockingIOError:
        return False


def _send_some(descriptor: int, place: Place, sent: int) -> int:
    """Octets of a place that a socket took, after the first `sent` of them, until it would have blocked.

    They come from the medium: all of the segment is looked over on the way, since what rots there has no new stamp.
    """
    file = place.opened()
    try:
        if not place.is_whole(file):
            raise OSError(f"not what was written: {place.path}")
        return _send(descriptor, file, place, sent)
    finally:
        os.close(file)


def _send(descriptor: int, file: int, place: Place, sent: int) -> int:
    """Raises only where nothing was taken, so that no octet is sent twice."""
    more = 0
    while sent + more < place.length:
        try:
            if more and not place.is_as_it_was(file):
                raise OSError("the file has been written to")
            count = os.sendfile(descriptor, file, place.offset + sent + more, place.length - sent - more)
            if count == 0:
                raise OSError("the file is shorter than it was")
        except BlockingIOError:
            break
        except OSError:
            if more:
                break
            raise
        more += count
    return more
