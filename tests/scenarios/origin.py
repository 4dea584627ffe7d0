"""A scripted origin server: says exactly what a play tells it to, octet by octet, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass
class Seen:
    """One request as the origin received it."""

    method: str
    target: str
    fields: list[tuple[str, str]]
    body: bytes = b""

    def get(self, name: str) -> str | None:
        """The combined value of a field, or None."""
        values = [value for key, value in self.fields if key.lower() == name.lower()]
        return ", ".join(values) if values else None


@dataclass
class Line:
    """One line of the script. `gate` holds the response back; `cut` breaks the body off after so many octets."""

    status: int = 200
    body: bytes = b""
    fields: list[tuple[str, str]] = field(default_factory=list)
    chunked: bool = False
    gate: asyncio.Event | None = None
    body_gate: asyncio.Event | None = None
    cut: int | None = None
    raw: bytes | None = None

    async def play(self, request: Seen, writer: asyncio.StreamWriter) -> bool:
        """Say the line; whether the connection may be kept."""
        if self.gate is not None:
            await self.gate.wait()
        if self.raw is not None:
            writer.write(self.raw)
            return False
        etag = next((value for name, value in self.fields if name.lower() == "etag"), None)
        if etag and self.status == 200 and request.get("If-None-Match") in (etag, f"W/{etag}"):
            writer.write(b"HTTP/1.1 304 Not Modified\r\n" + _lines(self.fields) + b"\r\n")
            return True
        bodiless = request.method == "HEAD" or self.status in (204, 304)
        framing = (
            [("Transfer-Encoding", "chunked")] if self.chunked else [("Content-Length", str(len(self.body)))]
        )
        if self.status in (204, 304):
            framing = []
        writer.write(
            f"HTTP/1.1 {self.status} Scripted\r\n".encode() + _lines([*self.fields, *framing]) + b"\r\n"
        )
        if bodiless:
            return True
        await writer.drain()
        return await self._body(writer)

    async def _body(self, writer: asyncio.StreamWriter) -> bool:
        body = self.body if self.cut is None else self.body[: self.cut]
        half = len(body) // 2 if self.body_gate is not None else 0
        for part in (body[:half], body[half:]):
            if part:
                writer.write(b"%x\r\n%b\r\n" % (len(part), part) if self.chunked else part)
                await writer.drain()
            if self.body_gate is not None:
                await self.body_gate.wait()
        if self.cut is not None:
            return False
        if self.chunked:
            writer.write(b"0\r\n\r\n")
        return True


def _lines(fields: list[tuple[str, str]]) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode("utf-8", "surrogateescape") for name, value in fields)


Script = Callable[[Seen], Line | Awaitable[Line]]


class Origin:
    """Listens on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.port = 0
        self._script: dict[str, Line | Script] = {}
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._came = asyncio.Condition()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._connections):
            writer.transport.abort()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), 1)

    def answers(self, target: str, body: bytes = b"", **line: object) -> Line:
        """From now on say this for `target`. Keyword arguments with capitals are fields (Cache_Control="…")."""
        fields = [(name.replace("_", "-"), str(value)) for name, value in line.items() if name[0].isupper()]
        rest = {name: value for name, value in line.items() if not name[0].isupper()}
        extra = rest.pop("fields", [])
        said = Line(body=body, fields=[*fields, *extra], **rest)  # type: ignore[misc,arg-type]
        self._script[target] = said
        return said

    def does(self, target: str, script: Script) -> None:
        """From now on call `script` for `target`."""
        self._script[target] = script

    def seen(self, target: str, method: str | None = None) -> list[Seen]:
        """The requests for `target` so far."""
        return [one for one in self.requests if one.target == target and method in (None, one.method)]

    async def has_seen(self, target: str, count: int) -> None:
        """Wait until `target` has been asked for `count` times."""
        async with self._came, asyncio.timeout(10):
            await self._came.wait_for(lambda: len(self.seen(target)) >= count)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                async with self._came:
                    self._came.notify_all()
                line = self._script.get(request.target, Line(status=404, body=b"no such line"))
                if callable(line):
                    said = line(request)
                    line = said if isinstance(said, Line) else await said
                if not await line.play(request, writer):
                    break
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Seen | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")[:-2]
    method, target, _ = first.split(" ", 2)
    pairs = [line.partition(":") for line in lines]
    request = Seen(method, target, [(name, value.strip()) for name, _, value in pairs])
    if length := request.get("Content-Length"):
        request.body = await reader.readexactly(int(length))
    elif request.get("Transfer-Encoding") == "chunked":
        while size := int((await reader.readline()).split(b";")[0], 16):
            request.body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    return request
