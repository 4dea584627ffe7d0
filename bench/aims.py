"""What is aimed at beside a peer, and whether what was measured meets it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from bench.load import Results, Round


class Figure(StrEnum):
    """What is compared; values are names of a round's figures."""

    RATE = "requests_per_second"
    P99 = "p99"


WRITTEN = {Figure.RATE: ("requests/s", ",.0f"), Figure.P99: ("p99 ms", ".2f")}
"""How each is called and written."""


@dataclass(frozen=True)
class Aim:
    """Edgeward's figure over a peer's: a rate is to be at least `factor` times as high, a latency at most so long."""

    figure: Figure
    peer: str
    factor: float

    @property
    def is_floor(self) -> bool:
        """Whether more is better."""
        return self.figure is Figure.RATE

    def __str__(self) -> str:
        bound = "at least" if self.is_floor else "at most"
        return f"{WRITTEN[self.figure][0]} {bound} {self.factor:g} × {self.peer}"


def rate(peer: str, factor: float) -> Aim:
    """At least so many times the peer's requests a second."""
    return Aim(Figure.RATE, peer, factor)


def p99(peer: str, factor: float) -> Aim:
    """At most so many times the peer's p99."""
    return Aim(Figure.P99, peer, factor)


class Outcome(NamedTuple):
    """An aim and what was measured: the ratio, and both medians. `is_met` None: the peer was not measured."""

    aim: Aim
    is_met: bool | None
    ratio: float = 0.0
    own: float = 0.0
    other: float = 0.0

    def __str__(self) -> str:
        if self.is_met is None:
            return f"not measured: {self.aim}"
        form = WRITTEN[self.aim.figure][1]
        figures = f"{self.own:{form}} ÷ {self.other:{form}} = {self.ratio:.2f}"
        return f"{'met' if self.is_met else 'missed'}: {self.aim}: {figures}"


def judge(aims: Sequence[Aim], results: Results) -> list[Outcome]:
    """Each aim's outcome. The ratio is the median of those within rounds, for a machine is never quite quiet."""
    return [_judge(aim, results["edgeward"], results.get(aim.peer)) for aim in aims]


def _judge(aim: Aim, own: list[Round], other: list[Round] | None) -> Outcome:
    if not other or not all(getattr(one, aim.figure) for one in other):
        return Outcome(aim, None)
    ours, theirs = ([getattr(one, aim.figure) for one in rounds] for rounds in (own, other))
    ratio = statistics.median(mine / its for mine, its in zip(ours, theirs, strict=True))
    is_met = ratio >= aim.factor if aim.is_floor else ratio <= aim.factor
    return Outcome(aim, is_met, ratio, statistics.median(ours), statistics.median(theirs))


def as_json(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """Outcomes as they are written."""
    return [
        {"aim": str(one.aim), "met": one.is_met, "ratio": round(one.ratio, 3), "edgeward": one.own, "peer": one.other}
        for one in outcomes
    ]  # fmt: skip
