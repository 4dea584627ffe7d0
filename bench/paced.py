"""`python -m bench.paced PORT`: an origin that sends one body at a steady rate to each who asks, and counts them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from urllib.parse import parse_qs, urlsplit

STEP = 0.02
"""Seconds between two writes of one body."""

PART = bytes(range(256)) * 256
asked: dict[str, int] = {}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection: `size` octets at `rate` octets a second, 0 as fast as they are taken."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            target = head.split(b" ", 2)[1].decode()
            url = urlsplit(target)
            if url.path == "/_count":
                body = json.dumps(asked).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
                continue
            asked[url.path] = asked.get(url.path, 0) + 1
            query = {name: int(values[0]) for name, values in parse_qs(url.query).items()}
            size, rate = query.get("size", 1024), query.get("rate", 0)
            asked_range = re.search(rb"\r\nRange: bytes=(\d+)-(\d*)\r\n", head, re.IGNORECASE)
            first, end = (int(asked_range[1]), size) if asked_range else (0, size)
            status = b"206 Partial Content\r\nContent-Range: bytes %d-%d/%d" % (first, end - 1, size)
            writer.write(
                b"HTTP/1.1 %b\r\nContent-Length: %d\r\n" % (status if asked_range else b"200 OK", end - first)
            )
            writer.write(b'Cache-Control: max-age=3600\r\nETag: "1"\r\n\r\n')
            await send(writer, end - first, rate)
    writer.close()


async def send(writer: asyncio.StreamWriter, size: int, rate: int) -> None:
    """Write `size` octets, `rate` a second."""
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), 0
    while sent < size:
        due = min(size, int((loop.time() - began) * rate) + 1) if rate else size
        while sent < due:
            part = PART[: due - sent]
            writer.write(part)
            sent += len(part)
            await writer.drain()
        if rate and sent < size:
            await asyncio.sleep(STEP)


async def main(port: int) -> None:
    """Serve until ended."""
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1])))
