"""Acknowledgements: how far workers of one node have durably applied the log."""

from __future__ import annotations

import msgspec

from httpcache.purge.problems import Problem


class Ack(msgspec.Struct, frozen=True):
    """A worker, by its index in its node, has applied every order up to `n`."""

    worker: int
    n: int


class Acks(msgspec.Struct, frozen=True):
    """The body of POST /v1/feed/acks."""

    epoch: int
    workers: tuple[Ack, ...]


def read_acks(body: bytes) -> Acks | Problem:
    """The acknowledgements of a body, or a 400."""
    try:
        acks = msgspec.json.decode(body, type=Acks)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Problem(400, "acks-malformed", f"The body is not acknowledgements: {error}.")
    if any(ack.worker < 0 or ack.n < 0 for ack in acks.workers):
        return Problem(400, "acks-malformed", "Workers and numbers are not negative.")
    return acks
