"""A link between two nodes that can be cut, mended and slowed: a TCP proxy on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib

from yarl import URL


class Link:
    """Passes octets on to `target` ("http://host:port"), unless it is cut. `delay` is seconds, each way."""

    def __init__(self, target: str) -> None:
        parsed = URL(target)
        self._host, self._target = str(parsed.host), int(parsed.port or 80)
        self._server: asyncio.Server | None = None
        self._pairs: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, ...]] = {}
        self.delay = 0.0
        self.is_cut = False
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> Link:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        """Stop for good."""
        assert self._server is not None
        self._server.close()
        self.cut()
        if self._pairs:
            await asyncio.wait(list(self._pairs))

    def cut(self) -> None:
        """Break every connection, and each new one at once."""
        self.is_cut = True
        for writers in self._pairs.values():
            for writer in writers:
                writer.transport.abort()

    def mend(self) -> None:
        """Pass on again."""
        self.is_cut = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._pairs[task] = (writer,)
        try:
            back, on = await asyncio.open_connection(self._host, self._target)
            self._pairs[task] = (writer, on)
            await asyncio.gather(self._pass(reader, on), self._pass(back, writer))
        except OSError:
            writer.transport.abort()
        finally:
            del self._pairs[task]

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while octets := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(octets)
                await writer.drain()
        writer.close()
