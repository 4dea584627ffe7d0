"""What the load script asks for: objects, and the order in which they are asked for; read from a trace, or made."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import zlib
from array import array
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import zstandard

from edgeward.origin_objects import LARGEST as LARGEST_OBJECT

GROUPS = 16
"""Objects are tagged group-0 … group-15 in turn, so that a purge by tag has something to name."""

SMALLEST, LARGEST = 64, 64 * 2**20
"""Bounds of sizes that are made, in bytes."""

ZSTD, GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
"""What files in these formats begin with (RFC 8878 §3.1.1, RFC 1952 §2.3.1)."""


class Kind(IntEnum):
    """What caches may do with an object."""

    USUAL = 0
    UNCACHEABLE = 1
    SHORT_LIVED = 2


@dataclass(frozen=True, slots=True)
class Workload:
    """Objects and the order in which they are asked for. `sizes` in bytes by object; `sequence` holds objects.

    `kinds` has the Kind of each object; empty, all are usual. The first `warm_up` requests only fill the stores.
    Lifetimes `ttl` and `short_ttl` in seconds.
    """

    description: dict[str, Any]
    sizes: array[int]
    sequence: array[int]
    ttl: int = 3600
    warm_up: int = 0
    kinds: bytes = b""
    short_ttl: int = 1
    _paths: dict[int, str] = field(default_factory=dict, repr=False, compare=False)

    def path(self, index: int) -> str:
        """The path of an object at the sample origin."""
        path = self._paths.get(index)
        if path is None:
            lifetime = self.lifetime(index)
            caching = f"ttl={lifetime}" if lifetime else "cache_control=no-store"
            path = f"/objects/{index}?size={self.sizes[index]}&{caching}&tag=group-{index % GROUPS}"
            self._paths[index] = path
        return path

    def lifetime(self, index: int) -> int:
        """How long an object is fresh after the origin gave it, in seconds; 0 where nobody may store it."""
        match self.kinds[index] if self.kinds else Kind.USUAL:
            case Kind.UNCACHEABLE:
                return 0
            case Kind.SHORT_LIVED:
                return self.short_ttl
        return self.ttl

    def summary(self) -> dict[str, Any]:
        """What was made or read, and what no cache can do better: each object must be fetched once.

        Requests and bytes are those that are measured; distinct objects and the footprint are of the warm-up, too.
        """
        measured = self.sequence[self.warm_up :]
        before, asked = set(self.sequence[: self.warm_up]), set(self.sequence)
        octets = sum(self.sizes[index] for index in measured)
        usual = [index for index in measured if self.lifetime(index)]
        first = {index for index in usual if index not in before}
        best = sum(self.sizes[index] for index in usual) - sum(self.sizes[index] for index in first)
        return {
            **self.description,
            "requests": len(measured),
            "warm_up_requests": self.warm_up,
            "uncacheable_requests": len(measured) - len(usual),
            "distinct_objects": len(asked),
            "requested_bytes": octets,
            "footprint_bytes": sum(self.sizes[index] for index in asked),
            "best_object_hit_ratio": (len(usual) - len(first)) / len(measured) if measured else 0.0,
            "best_byte_hit_ratio": best / octets if octets else 0.0,
        }


def read_trace(path: Path, *, requests: int | None = None, ttl: int = 3600, warm_up: int = 0) -> Workload:
    """A trace file, plain, gzip or zstd: one `key,size` or `time,key,size` line for each request; sizes in bytes.

    An object keeps the size of its first line. Raises OSError, and ValueError that names the line that is wrong.
    """
    numbers: dict[str, int] = {}
    sizes, sequence = array("Q"), array("L")
    try:
        with _opened(path) as lines:
            for key, size in _requests(lines):
                if requests is not None and len(sequence) >= requests:
                    break
                index = numbers.setdefault(key, len(sizes))
                if index == len(sizes):
                    sizes.append(size)
                sequence.append(index)
    except (zstandard.ZstdError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"cannot be unpacked: {error}") from error
    if not sequence:
        raise ValueError("holds no request")
    return Workload({"kind": "trace", "file": path.name, "ttl": ttl}, sizes, sequence, ttl, warm_up)


def _opened(path: Path) -> AbstractContextManager[Iterable[str]]:
    """A file's lines, whatever it is packed with: told by how it begins, not by its name."""
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(GZIP):
        return gzip.open(path, "rt", encoding="utf-8", errors="surrogateescape")
    if start == ZSTD:
        return contextlib.closing(_zstd_lines(path))
    return path.open(encoding="utf-8", errors="surrogateescape")


def _zstd_lines(path: Path) -> Generator[str, None, None]:
    rest = ""
    for text in codecs.iterdecode(_unpacked(path), "utf-8", "surrogateescape"):
        *lines, rest = (rest + text).split("\n")
        yield from lines
    yield rest


def _unpacked(path: Path) -> Iterator[bytes]:
    """The octets in all frames of a zstd file. A reader of zstandard's would take a file that is cut off for whole."""
    frame, is_whole = zstandard.ZstdDecompressor().decompressobj(), True
    with path.open("rb") as file:
        while block := file.read(2**16):
            while block:
                yield frame.decompress(block)
                is_whole, block = frame.eof, frame.unused_data
                if is_whole:
                    frame = zstandard.ZstdDecompressor().decompressobj()
    if not is_whole:
        raise ValueError("is cut off")


def _requests(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(lines, 1):
        parts = [part.strip() for part in line.split(",")]
        if parts == [""] or line.startswith("#"):
            continue
        if len(parts) not in (2, 3) or not (parts[-1].isascii() and parts[-1].isdigit()):
            if number == 1:  # a line of column names
                continue
            raise ValueError(f"line {number}: is not key,size")
        if (size := int(parts[-1])) > LARGEST_OBJECT:
            raise ValueError(f"line {number}: is larger than the sample origin's objects can be")
        yield parts[-2], size
