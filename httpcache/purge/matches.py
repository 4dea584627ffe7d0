"""Dry orders: the question to every worker how much orders would match, and a worker's answer."""

from __future__ import annotations

import msgspec

from httpcache.purge.orders import Order
from httpcache.purge.problems import Problem


class Question(msgspec.Struct, frozen=True):
    """What is asked in the feed. `number` tells one question from the next."""

    number: int
    orders: tuple[Order, ...]


class Matches(msgspec.Struct, frozen=True):
    """Stored responses that match and are not gone already: in the worker's RAM, and on the node's disk.

    `disk` is None where the worker is not the one that looks there. Not `exact` is estimated from a part.
    """

    ram: int
    disk: int | None = None
    exact: bool = True


class Answer(msgspec.Struct, frozen=True):
    """The body of POST /v1/feed/matches, from the worker of that index in its node."""

    number: int
    worker: int
    matches: Matches


def read_answer(body: bytes) -> Answer | Problem:
    """The answer of a body, or a 400."""
    try:
        answer = msgspec.json.decode(body, type=Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Problem(400, "matches-malformed", f"The body is not an answer to a dry order: {error}.")
    if min(answer.number, answer.worker, answer.matches.ram, answer.matches.disk or 0) < 0:
        return Problem(400, "matches-malformed", "Numbers are not negative.")
    return answer


def in_node(answers: list[Matches]) -> int:
    """Stored responses of a node that match, about: what its workers hold in RAM is on its disk too, if it has one."""
    on_disk = [one.disk for one in answers if one.disk is not None]
    in_ram = [one.ram for one in answers]
    return max((*on_disk, *in_ram), default=0) if on_disk else sum(in_ram)
