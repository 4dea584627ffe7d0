"""What a server adapter hands to the transaction, and what it gets back. No web framework in sight."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol, cast

from httpcache.messages import Octets, RequestHead, ResponseHead
from httpcache.rules.decisions import Handling, Refusal
from httpcache.store.segments import Place


class Content(Protocol):
    """The octets of a request, read once. `refusal` is set once they are too many, or come too slowly."""

    refusal: Refusal | None

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The octets, as they come."""
        ...


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request as it was received. `client` is the address of the peer; `content` is None when there is no body."""

    head: RequestHead
    client: str
    content: Content | None = None
    interim: Callable[[ResponseHead], None] | None = None
    """Takes interim responses (1xx) for the client; None when it could not read them."""
    version: str = "1.1"
    """The version of HTTP that it came in, for Via (RFC 9110 §7.6.3)."""


class Closeable(Protocol):
    """A body that holds something until it is closed."""

    async def aclose(self) -> None:
        """Let go."""
        ...


class InFiles(Protocol):
    """A body of which some octets stand in files that may be sent unread."""

    def in_files(self) -> AsyncIterator[Octets | Place]:
        """The octets in their order, or where they stand. Raises BrokenOff."""
        ...

    def unread(self, sent: int) -> AsyncIterator[Octets]:
        """The octets of the place that was told last, after the first `sent`: it cannot be sent. Raises BrokenOff."""
        ...


Body = bytes | AsyncIterable[Octets]

# Python's own test of a protocol looks at every name of it, for as long as a quarter of a hit takes.


def as_closeable(body: Body) -> Closeable | None:
    """A body as one that is to be closed, if it is."""
    return cast(Closeable, body) if hasattr(body, "aclose") else None


def as_in_files(body: Body) -> InFiles | None:
    """A body as one of which some octets may stand in files, if it is."""
    return cast(InFiles, body) if hasattr(body, "in_files") else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client gets. `length` is the number of octets of `body`, None when it is not known beforehand."""

    head: ResponseHead
    body: Body
    length: int | None
    handling: Handling


class BrokenOff(Exception):
    """The body cannot be completed: the connection to the client must end before its time, so that it can tell."""
