"""Simulates: one sequence of requests, one policy, one pair of budgets; the hit ratios that come of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edgeward.simulate.belady_size import BeladySize
from edgeward.simulate.caches import Cache, Fifo, Lru, PlainSieve
from edgeward.simulate.node import Node
from edgeward.simulate.pfoo import bounds

POLICIES = ("edgeward", "lru", "fifo", "sieve", "belady-size", "pfoo-l")
"""Ours first, then what others use, then what can only be had by knowing what comes, then what nothing can pass."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """Room of a node's two stores, in bytes; what an object costs there beside its octets, in bytes each."""

    ram: int
    disk: int
    overhead: tuple[int, int] = (0, 0)


class Ratios(NamedTuple):
    """Hit ratios, 0 to 1: of objects (requests), and of bytes."""

    objects: float
    octets: float


def new_cache(policy: str, budgets: Budgets) -> Cache:
    """An empty cache that can be asked one request at a time: for tiers, where one asks what another missed.

    Caches of others have the larger of the two budgets: both of their stores see every request, so that what is
    in RAM is on disk as well. Raises ValueError for a policy that is not online.
    """
    room = max(budgets.ram, budgets.disk)
    match policy:
        case "edgeward":
            return Node(budgets.ram, budgets.disk, budgets.overhead)
        case "lru":
            return Lru(room)
        case "fifo":
            return Fifo(room)
        case "sieve":
            return PlainSieve(room)
    raise ValueError(f"{policy!r} is none of {', '.join(POLICIES[:4])}")


def simulate(requests: Sequence[tuple[str, int]], policy: str, budgets: Budgets) -> Ratios:
    """Hit ratios of a policy over (key, size in bytes) from a cold start; POLICIES has the names.

    Those that know what comes have both budgets together, whichever way they would use them.
    """
    together = budgets.ram + budgets.disk
    if policy == "pfoo-l":
        return Ratios(*bounds(requests, together))
    if policy == "belady-size":
        return _ratios(BeladySize(requests, together), requests)
    return _ratios(new_cache(policy, budgets), requests)


def _ratios(cache: Cache, requests: Iterable[tuple[str, int]]) -> Ratios:
    asked = total = hits = octets = 0
    for key, size in requests:
        asked += 1
        total += size
        if cache.ask(key, size):
            hits += 1
            octets += size
    return Ratios(hits / max(1, asked), octets / max(1, total))
