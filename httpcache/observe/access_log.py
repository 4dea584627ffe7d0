"""The access log: one JSON object a line, rendered and written in batches off the path of an answer."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Iterable
from typing import IO

import msgspec

FLUSH_AFTER = 0.2
"""Longest time a line waits to be written, in seconds."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """One answered request. `time` is Unix seconds, `seconds` how long it took, `bytes` octets of body sent."""

    time: float
    node: str
    client: str
    method: str
    uri: str
    status: int
    bytes: int
    seconds: float
    served: str
    fwd: str
    detail: str
    end: str = ""
    """Why the answer did not reach the client whole: "client-left", "broken-off"; empty when it did."""


_encode = msgspec.json.Encoder().encode


def _text(value: str | int) -> str:
    return _encode(value).decode()


def told_client(node: str, client: str) -> str:
    """What a line says of who was asked by whom. With the next two and two numbers it makes the line of a hit."""
    return f',"node":{_text(node)},"client":{_text(client)}'


def told_request(method: str, uri: str) -> str:
    """What a line says of a request."""
    return f',"method":{_text(method)},"uri":{_text(uri)}'


def told_answer(status: int, octets: int, detail: str) -> tuple[str, str]:
    """What the line of a hit says of its answer, before and behind the seconds that it took."""
    return f',"status":{_text(status)},"bytes":{_text(octets)},"seconds":', _told_end(detail)


@functools.lru_cache(64)
def _told_end(detail: str) -> str:
    return f',"served":"hit","fwd":"","detail":{_text(detail)},"end":""}}'


class AccessLog:
    """Appends lines to a file ("-" is standard error, "" is nowhere). A file that fails loses lines, not answers."""

    def __init__(self, path: str) -> None:
        self._lines: list[Line] = []
        self._timer: asyncio.TimerHandle | None = None
        self._file: IO[bytes] | None = None
        if path == "-":
            self._file = sys.stderr.buffer
        elif path:
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - open for as long as the node runs

    @property
    def is_on(self) -> bool:
        """Whether lines go anywhere."""
        return self._file is not None

    def add(self, line: Line) -> None:
        """Take a line; it is written within FLUSH_AFTER."""
        self._lines.append(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        self._timer = None
        lines, self._lines = self._lines, []
        if lines:
            self.write(lines)

    def write(self, lines: Iterable[Line]) -> None:
        """Write a batch of lines now."""
        self._write(b"\n".join(map(_encode, lines)) + b"\n")

    def write_rendered(self, lines: Iterable[str]) -> None:
        """Write lines that are texts already."""
        self._write(("\n".join(lines) + "\n").encode())

    def _write(self, octets: bytes) -> None:
        if self._file is None:
            return
        try:
            self._file.write(octets)
            self._file.flush()
        except OSError:
            return

    def close(self) -> None:
        """Write what waits and close the file."""
        if self._timer is not None:
            self._timer.cancel()
        self.flush()
        if self._file is not None and self._file is not sys.stderr.buffer:
            self._file.close()
