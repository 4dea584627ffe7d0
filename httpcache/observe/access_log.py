"""The access log: one JSON object a line, rendered and written in batches off the path of an answer."""

from __future__ import annotations

import asyncio
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


class AccessLog:
    """Appends lines to a file ("-" is standard error, "" is nowhere). A file that fails loses lines, not answers."""

    def __init__(self, path: str) -> None:
        self._lines: list[Line] = []
        self._timer: asyncio.TimerHandle | None = None
        self._file: IO[bytes] | None = None
        self._encode = msgspec.json.Encoder().encode
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
        if self._file is None:
            return
        try:
            self._file.write(b"\n".join(map(self._encode, lines)) + b"\n")
            self._file.flush()
        except (OSError, UnicodeError):
            return

    def close(self) -> None:
        """Write what waits and close the file."""
        if self._timer is not None:
            self._timer.cancel()
        self.flush()
        if self._file is not None and self._file is not sys.stderr.buffer:
            self._file.close()
