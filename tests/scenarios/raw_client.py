"""A client that writes octets as it is told and reads as slowly as it is told: what a library would never do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class RawClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def says(self, text: str) -> None:
        """Write, as far as the other side takes it."""
        self.writer.write(text.encode("latin-1"))
        await self.writer.drain()

    async def hears(self, wait: float = 10) -> bytes:
        """Everything up to the end of the connection."""
        async with asyncio.timeout(wait):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b"reset"

    async def hears_an_answer(self, wait: float = 10) -> bytes:
        """One head, and as much content as its Content-Length says."""
        async with asyncio.timeout(wait):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]
            return head + await self.reader.readexactly(int(length or 0))

    async def is_cut_off(self, wait: float = 20) -> bool:
        """Wait until the other side has reset the connection, reading nothing; False when it never does."""
        sock = self.writer.get_extra_info("socket")
        async with asyncio.timeout(wait):
            while sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and not self.reader.at_eof():
                await asyncio.sleep(0.02)
        return True


@asynccontextmanager
async def raw_client(url: str, receive: int = 0) -> AsyncIterator[RawClient]:
    """A connection to a node, closed at the end; `receive` is the size of its receive buffer, 0 for the system's."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    sock = socket.socket()
    if receive:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=sock, limit=2**16)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()
