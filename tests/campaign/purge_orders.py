"""Orders of the purge campaign, drawn at random: alone and in batches; and from when on each of them counts."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import Any

from tests.campaign.purge_cluster import LAG_LIMIT
from tests.campaign.things import SLACK, Thing

WITHIN = LAG_LIMIT + SLACK
"""An order that was answered counts everywhere after so many seconds: who has not applied it by then is cut off from
the log, and gives nothing without validation."""

KINDS = ("url", "url", "tag", "tag", "prefix", "host", "everything")


@dataclass
class Ordered:
    """One order that was answered, or a log that was lost, which counts as a soft order for everything.

    When it was sent, answered, and known to be applied by each edge (monotonic seconds).
    """

    sent: float
    answered: float
    acknowledged: dict[str, float] = field(default_factory=dict)
    id: str = "a lost log"

    def told(self, edge: str, asked: float) -> str:
        """What it was and when, beside the time of a request, for people."""
        how = "acknowledged" if edge in self.acknowledged else "answered"
        late, sent = asked - self.counts_from(edge), asked - self.sent
        return f"{self.id} counted: {late:.2f} s, sent {sent:.2f} s before, {how}, at {time.strftime('%H:%M:%S')}"

    def counts_from(self, edge: str) -> float:
        """From when on no client of that edge may get what the origin had replaced before the order."""
        return min(self.acknowledged.get(edge, float("inf")), self.answered + WITHIN)


def some_orders(rng: random.Random, things: list[Thing]) -> tuple[dict[str, Any], list[Thing]]:
    """The document of an order or, one time in three, of a batch; and the things that it covers."""
    if rng.random() < 2 / 3:
        return some_order(rng, things)
    drawn = [some_order(rng, things) for _ in range(rng.randrange(2, 6))]
    covered = {thing.name: thing for _, covers in drawn for thing in covers}
    return {"orders": [order for order, _ in drawn]}, list(covered.values())


def some_order(rng: random.Random, things: list[Thing]) -> tuple[dict[str, Any], list[Thing]]:
    """The document of one order, and the things that it covers."""
    thing, kind = rng.choice(things), rng.choice(KINDS)
    several = rng.sample(things, rng.randrange(1, 4))
    targets, covered = {
        "url": ([f"http://site.example{one.path}" for one in several], several),
        "tag": ([one.name for one in several], several),
        "prefix": (
            [f"http://site.example{thing.path}"],
            [one for one in things if one.path.startswith(thing.path)],
        ),
        "host": (["site.example"], things),
        "everything": ([], things),
    }[kind]
    return {"kind": kind, "targets": targets, "soft": rng.random() < 0.4}, covered
