"""Objects of the sample origin: what a query asks for, and the octets that a key stands for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

BLOCK = 64 * 2**10
"""Octets made at a time; a body of any size needs no more memory than a few of these."""

LARGEST = 2**40
MODIFIED = 1735689600.0
"""Last-Modified of every object unless the query gives another: 2025-01-01 00:00:00 GMT, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class ObjectOrder:
    """What one request asks of the origin. Times in seconds, sizes in bytes."""

    key: str
    size: int = 1024
    status: int = 200
    delay: float = 0.0
    cache_control: str = "public, max-age=3600"
    tags: tuple[str, ...] = ()
    media_type: str = "application/octet-stream"
    etag: str | None = None
    modified: float | None = MODIFIED
    chunked: bool = False

    @property
    def body(self) -> Body:
        """The body asked for."""
        return Body(self.key, self.size, text=self.media_type.startswith("text/"))


def parse_order(key: str, query: Mapping[str, str], tags: tuple[str, ...] = ()) -> ObjectOrder:
    """The order in a query. Raises ValueError with the name of the parameter that is wrong."""
    size = _number(query, "size", 1024, 0, LARGEST)
    ttl = _number(query, "ttl", 3600, 0, 2**31)
    modified = _number(query, "last_modified", int(MODIFIED), 0, 2**33)
    return ObjectOrder(
        key=key,
        size=size,
        status=_number(query, "status", 200, 200, 599),
        delay=_seconds(query, "delay", 3600.0),
        cache_control=query.get("cache_control", f"public, max-age={ttl}"),
        tags=tuple(name for tag in tags for name in tag.split()),
        media_type=query.get("type", "application/octet-stream"),
        etag=None if query.get("etag") == "0" else entity_tag(f"{key}\n{size}\n{query.get('type', '')}"),
        modified=float(modified) if modified else None,
        chunked=query.get("chunked", "0") == "1",
    )


def _number(query: Mapping[str, str], name: str, default: int, least: int, greatest: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16 and least <= int(text) <= greatest):
        raise ValueError(f"{name}: write a whole number from {least} to {greatest}")
    return int(text)


def _seconds(query: Mapping[str, str], name: str, greatest: float) -> float:
    try:
        seconds = float(query.get(name, "0"))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= greatest:
        raise ValueError(f"{name}: write seconds from 0 to {greatest:g}")
    return seconds


@lru_cache(maxsize=4096)
def entity_tag(content: str) -> str:
    """A strong entity tag (RFC 9110 §8.8.3) of what names a body."""
    return f'"{hashlib.blake2b(content.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()}"'


@dataclass(frozen=True, slots=True)
class Body:
    """The octets of a key: the same each time, no two blocks alike, so a misplaced or missing part is seen.

    `text` makes them hexadecimal digits, which content codings can halve; otherwise they do not compress.
    """

    key: str
    size: int
    text: bool = False

    def octets(self, first: int, end: int) -> bytes:
        """Octets [first, end)."""
        return b"".join(self.blocks(first, end))

    def blocks(self, first: int, end: int) -> Iterator[bytes]:
        """Octets [first, end) in pieces of at most BLOCK octets."""
        end = min(end, self.size)
        while first < end:
            number, offset = divmod(first, BLOCK)
            stop = min(BLOCK, offset + end - first)
            yield self._block(number, stop)[offset:]
            first += stop - offset

    def _block(self, number: int, length: int) -> bytes:
        seed = f"{self.key}\n{number}".encode("utf-8", "surrogateescape")
        if self.text:
            return hashlib.shake_128(seed).hexdigest((length + 1) // 2)[:length].encode()
        return hashlib.shake_128(seed).digest(length)
