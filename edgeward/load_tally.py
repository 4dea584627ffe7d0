"""Adds up what a load run saw: by tier, by outcome, and how long each took."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from edgeward.tiers import ASKED_ON, TierOutcome, handled, read_tiers, without_keys

TIER_NAMES = ("edge", "shield")
ANSWERED = frozenset((TierOutcome.HIT, TierOutcome.STALE))
"""What counts as a hit: answered from the store without waiting for the next hop."""


def tier_name(depth: int) -> str:
    """The name of a tier by how far it is from the client."""
    return TIER_NAMES[depth] if depth < len(TIER_NAMES) else f"tier {depth + 1}"


@dataclass(slots=True)
class TierTally:
    """Requests that came to one tier, and their octets, by what it did with them."""

    requests: Counter[TierOutcome] = field(default_factory=Counter)
    octets: Counter[TierOutcome] = field(default_factory=Counter)
    nodes: Counter[str] = field(default_factory=Counter)

    @property
    def object_hit_ratio(self) -> float:
        """Share of requests answered from the store; 0 when there were none."""
        return _share(sum(self.requests[one] for one in ANSWERED), self.requests.total())

    @property
    def byte_hit_ratio(self) -> float:
        """Share of octets answered from the store; 0 when there were none."""
        return _share(sum(self.octets[one] for one in ANSWERED), self.octets.total())


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


class Tally:
    """Everything that is known of the answers so far. Times in seconds."""

    def __init__(self) -> None:
        self.tiers: list[TierTally] = []
        self.latencies: dict[str, array[float]] = {}
        self.errors: Counter[str] = Counter()
        self.octets = 0
        self.to_origin = 0
        self.untold = 0

    @property
    def answers(self) -> int:
        """Good answers so far."""
        return sum(len(times) for times in self.latencies.values())

    @property
    def running_hit_ratio(self) -> float:
        """Share of requests that the edges have answered from their stores so far."""
        return self.tiers[0].object_hit_ratio if self.tiers else 0.0

    def add(self, cache_status: str, octets: int, seconds: float) -> int:
        """Count a good answer: what its Cache-Status tells, the octets of its body, and how long it took.

        Returns which tier it was a hit at, from 1, or 0 when it was none.
        """
        self.octets += octets
        answered_by, hit_at = "origin", 0
        through = handled(read_tiers(without_keys(cache_status)))
        for depth, (member, what) in enumerate(through):
            if depth == len(self.tiers):
                self.tiers.append(TierTally())
            tier = self.tiers[depth]
            tier.requests[what] += 1
            tier.octets[what] += octets
            tier.nodes[member.name] += 1
            if what not in ASKED_ON:
                answered_by = f"{tier_name(depth)} {what}"
                hit_at = depth + 1 if what in ANSWERED else 0
        if not through:
            self.untold += 1
            answered_by = "no Cache-Status"
        elif answered_by == "origin":
            self.to_origin += 1
        times = self.latencies.get(answered_by)
        if times is None:
            times = self.latencies[answered_by] = array("d")
        times.append(seconds)
        return hit_at

    def hits(self) -> tuple[int, int]:
        """Requests, and octets, that any tier has answered from its store."""
        return (
            sum(tier.requests[one] for tier in self.tiers for one in ANSWERED),
            sum(tier.octets[one] for tier in self.tiers for one in ANSWERED),
        )

    def latencies_of(self, *, hits: bool | None = None) -> list[float]:
        """Latencies in ascending order: of edge hits, of all others, or of all."""
        return sorted(
            seconds
            for name, times in self.latencies.items()
            if hits is None or hits == (name in ("edge hit", "edge stale"))
            for seconds in times
        )


def percentile(ascending: Sequence[float], share: float) -> float:
    """The least value that at least `share` of the values do not exceed (nearest rank); 0 when there are none."""
    if not ascending:
        return 0.0
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


def percentiles(ascending: Sequence[float]) -> dict[str, float]:
    """Count, p50, p90, p99 and max of values in seconds, in milliseconds."""
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1.0}
    told = {name: round(percentile(ascending, share) * 1000, 3) for name, share in shares.items()}
    return {"count": len(ascending), **told}
