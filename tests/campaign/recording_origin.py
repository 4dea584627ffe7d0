"""The recording origin: says what its things are, remembers what it said, and fails in every way when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from email.utils import formatdate

from tests.campaign.things import Thing

MOODS = ("well", "slow", "trickling", "cutting", "resetting", "failing", "lying")
"""What the origin can be like: "cutting" bodies off, "resetting" connections, "failing" with 500 and 503, "lying" about
a body's length."""

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class RecordingOrigin:
    """Listens on a port of 127.0.0.1. `mood` is how it behaves towards `share` of its requests."""

    def __init__(self, things: list[Thing], rng: random.Random, port: int) -> None:
        self.things = {thing.path: thing for thing in things}
        self.requests = 0
        self.mood = "well"
        self.share = 0.5
        self._rng = rng
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def stop(self) -> None:
        """Listen no more, and drop every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._connections):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                if not await self._answer(head, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._connections.discard(writer)
            with contextlib.suppress(RuntimeError):
                writer.close()

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection may be kept."""
        self.requests += 1
        lines = head.split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        fields = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        mood = self.mood if self._rng.random() < self.share else "well"
        if mood == "slow":
            await asyncio.sleep(self._rng.uniform(0.05, 1.5))
        if mood == "resetting":
            writer.transport.abort()
            return False
        if mood == "failing":
            status = self._rng.choice(("500 Broken", "503 Busy"))
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\nbroken".encode())
            return True
        thing = self.things.get(target)
        if thing is None:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return True
        return await self._say(thing, method, fields, writer, mood)

    async def _say(
        self, thing: Thing, method: str, fields: dict[str, str], writer: asyncio.StreamWriter, mood: str
    ) -> bool:
        version = thing.version
        thing.served.add(version)
        own = head_fields(thing, version)
        known = [tag.strip().removeprefix("W/") for tag in fields.get("if-none-match", "").split(",")]
        if thing.tag(version) in known:
            writer.write(rendered("304 Not Modified", own))
            return True
        body, status = thing.sent(version), "200 OK"
        span = wanted_span(thing, version, fields, len(body))
        if span is not None:
            status = "206 Partial Content"
            own.append(f"Content-Range: bytes {span[0]}-{span[1] - 1}/{len(body)}")
            body = body[span[0] : span[1]]
        is_chunked = thing.chunked and span is None
        length = len(body) + (self._rng.randrange(1, 1000) if mood == "lying" else 0)
        own.append("Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {length}")
        writer.write(rendered(status, own))
        if method == "HEAD":
            return True
        return await self._send(body, is_chunked, writer, mood) and length == len(body)

    async def _send(self, body: bytes, is_chunked: bool, writer: asyncio.StreamWriter, mood: str) -> bool:
        end = self._rng.randrange(len(body) + 1) if mood == "cutting" else len(body)
        step = max(1, len(body) // 20) if mood == "trickling" else 65_536
        for at in range(0, end, step):
            part = body[at : min(at + step, end)]
            writer.write(b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part)
            await writer.drain()
            if mood == "trickling":
                await asyncio.sleep(0.03)
        if mood == "cutting":
            return False
        if is_chunked:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


def head_fields(thing: Thing, version: int) -> list[str]:
    """The field lines of a version."""
    control = f"max-age={thing.lifetime}" if thing.lifetime else "no-cache"
    if thing.stale:
        control += f", stale-while-revalidate={thing.stale}, stale-if-error={thing.stale}"
    kind = "application/octet-stream" if thing.form == "plain" else "text/plain"
    coded = ["Content-Encoding: gzip", "Vary: Accept-Encoding"] if thing.form == "gzip" else []
    return [
        f"Date: {formatdate(usegmt=True)}",
        f"ETag: {thing.tag(version)}",
        f"Cache-Control: {control}",
        f"Content-Type: {kind}",
        f"Surrogate-Key: {thing.name} {thing.form}",
        *coded,
    ]


def wanted_span(thing: Thing, version: int, fields: dict[str, str], length: int) -> tuple[int, int] | None:
    """The octets [first, end) that a request wants, None for all."""
    match = _RANGE.fullmatch(fields.get("range", ""))
    if match is None or fields.get("if-range", thing.tag(version)) != thing.tag(version):
        return None
    first, end = int(match[1]), int(match[2]) + 1 if match[2] else length
    return (first, min(end, length)) if first < min(end, length) else None


def rendered(status: str, lines: list[str]) -> bytes:
    """A head."""
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode("latin-1")
