"""What the hit lane asks of others: a client's connection, and who reads and prepares what it does not know yet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from httpcache.store.ram import Shelf

if TYPE_CHECKING:
    from httpcache.serve.hits import HeadMemo, KnownHead

Name = tuple[str | int | tuple[str, ...] | None, ...]
"""What of a request selects one of the answers that are ready for a cache key."""


class Client(Protocol):
    """A connection; see Receiver. `is_paused` once its client reads too slowly."""

    transport: asyncio.Transport | None
    fd: int
    peer: str
    is_trusted: bool

    @property
    def is_paused(self) -> bool:
        """Whether what was written waits for its client to read."""
        ...


class Reader(Protocol):
    """Reads and prepares what the hit lane does not know yet."""

    def read_head(self, client: Client, octets: bytes, memo: HeadMemo) -> KnownHead | None:
        """Read a head that is not known; None when it is not for the fast lane."""
        ...

    def prepare(self, client: Client, octets: bytes, known: KnownHead, shelf: Shelf) -> object:
        """Make an answer ready, and keep it beside what it was made from; what is no Ready is not for the fast lane."""
        ...
