"""Makes workloads from a seed: Zipf's law, log-normal sizes, drift, scans, what may not be kept for long."""

from __future__ import annotations

import math
import random
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate

from edgeward.load_workload import LARGEST, SMALLEST, Kind, Workload

SCAN = 100
"""Requests of one scan: so many objects in a row that nobody asks for before or after."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What is asked for. Sizes in bytes, lifetimes in seconds, shares from 0 to 1.

    Number k of `objects` is asked for in proportion to 1 / (k + 1) ** `alpha`, until popularity drifts: in the course
    of the run so many pairs of objects change places that each object is in `drift` of them. `scans` is the share of
    requests that scans make up; `uncacheable` and `short_lived` are shares of objects.
    """

    objects: int
    alpha: float
    requests: int
    seed: int = 42
    median: int = 1843
    sigma: float = 1.7
    ttl: int = 3600
    drift: float = 0.0
    scans: float = 0.0
    uncacheable: float = 0.0
    short_lived: float = 0.0
    short_ttl: int = 1
    warm_up: int = 0


def synthetic_workload(mix: Mix) -> Workload:
    """The same mix gives the same workload. Object 0 is the most popular at first; objects of scans come last."""
    sequence = array("L", _sequence(mix))
    count = max(mix.objects, max(sequence, default=0) + 1)
    sizes = array("Q", log_normal_sizes(count, mix.median, mix.sigma, random.Random(f"sizes {mix.seed}")))
    kinds = bytes(_kinds(mix, count)) if mix.uncacheable or mix.short_lived else b""
    told = {
        name: value for name, value in asdict(mix).items() if name not in ("median", "requests", "warm_up")
    }
    description = {"kind": "zipf", **told, "median_bytes": mix.median}
    return Workload(description, sizes, sequence, mix.ttl, mix.warm_up, kinds, mix.short_ttl)


def log_normal_sizes(count: int, median: int, sigma: float, draw: random.Random) -> Iterator[int]:
    """Sizes in bytes, log-normal and within bounds."""
    for _ in range(count):
        yield min(LARGEST, max(SMALLEST, round(draw.lognormvariate(math.log(median), sigma))))


def zipf_sequence(objects: int, alpha: float, requests: int, draw: random.Random) -> Iterator[int]:
    """Object numbers; number k comes with a probability in proportion to 1 / (k + 1) ** alpha."""
    weights = array("d", accumulate((rank + 1) ** -alpha for rank in range(objects)))
    total = weights[-1]
    for _ in range(requests):
        yield min(bisect_left(weights, draw.random() * total), objects - 1)


def _sequence(mix: Mix) -> Iterator[int]:
    ranks = zipf_sequence(mix.objects, mix.alpha, mix.requests, random.Random(f"sequence {mix.seed}"))
    drifted = _drifted(ranks, mix)
    if not mix.scans:
        yield from drifted
        return
    draw, scanned = random.Random(f"scans {mix.seed}"), mix.objects
    # A scan begins with this chance wherever none is under way, so that scans come to their share in the long run.
    chance = mix.scans / (SCAN * (1 - mix.scans)) if mix.scans < 1 else 1.0
    left = 0
    for index in drifted:
        if not left and draw.random() < chance:
            left = SCAN
        if left:
            left -= 1
            yield scanned
            scanned += 1
        else:
            yield index


def _drifted(ranks: Iterator[int], mix: Mix) -> Iterator[int]:
    """The object that has each rank by then: two objects, drawn, change places every so many requests."""
    by_rank = array("L", range(mix.objects))
    draw = random.Random(f"drift {mix.seed}")
    swaps_each = mix.drift * mix.objects / 2 / max(1, mix.requests)
    due = 0.0
    for rank in ranks:
        yield by_rank[rank]
        due += swaps_each
        while due >= 1:
            due -= 1
            one, other = draw.randrange(mix.objects), draw.randrange(mix.objects)
            by_rank[one], by_rank[other] = by_rank[other], by_rank[one]


def _kinds(mix: Mix, count: int) -> Iterator[Kind]:
    draw = random.Random(f"kinds {mix.seed}")
    for _ in range(count):
        drawn = draw.random()
        if drawn < mix.uncacheable:
            yield Kind.UNCACHEABLE
        else:
            yield Kind.SHORT_LIVED if drawn < mix.uncacheable + mix.short_lived else Kind.USUAL
