"""What other policies, and what none at all, would have got of the requests that a run has sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from edgeward.load_run import Run
from edgeward.simulate import Budgets, Cache, new_cache
from edgeward.simulate.belady_size import BeladySize
from edgeward.simulate.pfoo import most_hits

ONLINE = ("edgeward", "lru", "fifo", "sieve")
"""Policies that know nothing of what comes."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Room of each edge, and of the shield where there is one and its room is known."""

    edge: Budgets
    shield: Budgets | None = None


class Request(NamedTuple):
    """One request as it was sent: object, size in bytes, lifetime and time in seconds, target, whether it counts."""

    key: str
    size: int
    lifetime: int
    sent: float
    target: int
    counts: bool


class TookTooLong(Exception):
    """A policy was given up."""


@dataclass(slots=True)
class Got:
    """Hits and their octets, of each tier, among the requests that count; `asked` came to the shield."""

    edge: list[int] = field(default_factory=lambda: [0, 0])
    shield: list[int] = field(default_factory=lambda: [0, 0])
    asked: list[int] = field(default_factory=lambda: [0, 0])


def requests_of(run: Run) -> Iterator[Request]:
    """The requests of a run, in order."""
    work = run.workload
    for number, index in enumerate(work.sequence):
        yield Request(
            str(index), work.sizes[index], work.lifetime(index), run.sent[number], run.asked[number],
            number >= work.warm_up,
        )  # fmt: skip


class _Tier:
    """A cache of one node, and how long ago the origin gave what it holds: what is no longer fresh is no hit."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._given: dict[str, float] = {}

    def fresh_since(self, one: Request) -> float | None:
        """When the origin gave the object that is held, or None when none is held that is fresh."""
        held = self._cache.ask(one.key, one.size)
        given = self._given.get(one.key)
        return given if held and given is not None and one.sent - given < one.lifetime else None

    def take(self, one: Request, given: float) -> None:
        """The object has come from the next hop."""
        self._given[one.key] = given


def online(policy: str, requests: Sequence[Request], stores: Stores, seconds: float) -> Got:
    """What an online policy gets in every tier. Raises TookTooLong."""
    edges = [_Tier(new_cache(policy, stores.edge)) for _ in range(_targets(requests))]
    shield = _Tier(new_cache(policy, stores.shield)) if stores.shield else None
    got, until = Got(), monotonic() + seconds
    for number, one in enumerate(requests):
        if number % 1024 == 0 and monotonic() > until:
            raise TookTooLong(policy)
        since = edges[one.target].fresh_since(one) if one.lifetime else None
        if since is not None:
            _count(got.edge, one)
            continue
        given = one.sent
        if shield is not None:
            _count(got.asked, one)
            since = shield.fresh_since(one) if one.lifetime else None
            if since is None:
                shield.take(one, given)
            else:
                _count(got.shield, one)
                given = since
        edges[one.target].take(one, given)
    return got


def belady(requests: Sequence[Request], stores: Stores, seconds: float) -> Got:
    """What Belady-Size gets: each tier knows what will come to it. Raises TookTooLong."""
    got, until = Got(), monotonic() + seconds
    missed = set(range(len(requests)))
    for target in range(_targets(requests)):
        mine = [number for number, one in enumerate(requests) if one.target == target]
        missed -= _belady(requests, mine, stores.edge, got.edge, until)
    if stores.shield is not None:
        for number in missed:
            _count(got.asked, requests[number])
        _belady(requests, sorted(missed), stores.shield, got.shield, until)
    return got


def _belady(
    requests: Sequence[Request], numbers: Sequence[int], budgets: Budgets, hits: list[int], until: float
) -> set[int]:
    kept = [number for number in numbers if requests[number].lifetime]
    asked = editions([requests[number] for number in kept])
    cache, found = BeladySize(asked, budgets.ram + budgets.disk), set()
    for place, number in enumerate(kept):
        if place % 1024 == 0 and monotonic() > until:
            raise TookTooLong("belady-size")
        if cache.ask(*asked[place]):
            found.add(number)
            _count(hits, requests[number])
    return found


def bound(
    requests: Sequence[Request], stores: Stores, seconds: float
) -> tuple[tuple[int, int], tuple[int, int]]:
    """The most hits, and octets of hits, that no policy can pass: at the edges, and in all tiers. Raises TookTooLong.

    Together, the tiers are one store with the room of all: whatever is hit anywhere was kept somewhere since it was
    asked for before.
    """
    until = monotonic() + seconds
    edge, count = stores.edge, _targets(requests)
    room = edge.ram + edge.disk
    each = [_most([one for one in requests if one.target == target], room, until) for target in range(count)]
    edges = sum(one[0] for one in each), sum(one[1] for one in each)
    whole = room * count + (stores.shield.ram + stores.shield.disk if stores.shield else 0)
    return edges, _most(requests, whole, until)


def _most(requests: Sequence[Request], room: int, until: float) -> tuple[int, int]:
    def may_go_on() -> None:
        if monotonic() > until:
            raise TookTooLong("pfoo-l")

    kept = [one for one in requests if one.lifetime]
    return most_hits(editions(kept), room, sum(not one.counts for one in kept), may_go_on)


def editions(requests: Sequence[Request]) -> list[tuple[str, int]]:
    """Key and size of each request; an object that nobody asked for while it was fresh is another one after that."""
    last: dict[str, float] = {}
    number: dict[str, int] = {}
    asked = []
    for one in requests:
        if one.sent - last.get(one.key, one.sent) >= one.lifetime:
            number[one.key] = number.get(one.key, 0) + 1
        last[one.key] = one.sent
        asked.append((f"{one.key}.{number.get(one.key, 0)}", one.size))
    return asked


def _targets(requests: Sequence[Request]) -> int:
    return max((one.target for one in requests), default=0) + 1


def _count(total: list[int], one: Request) -> None:
    if one.counts:
        total[0] += 1
        total[1] += one.size


def compare(run: Run, stores: Stores, seconds: float = 120.0) -> list[dict[str, object]]:
    """A line for each policy: hit ratios of the edges and of the whole; None where a policy took over `seconds`."""
    requests = list(requests_of(run))
    asked = sum(one.counts for one in requests), sum(one.size for one in requests if one.counts)
    lines = []
    for policy in (*ONLINE, "belady-size"):
        try:
            got = (
                belady(requests, stores, seconds)
                if policy == "belady-size"
                else online(policy, requests, stores, seconds)
            )
        except TookTooLong:
            lines.append(_line(policy, None, None, None, asked))
            continue
        whole = got.edge[0] + got.shield[0], got.edge[1] + got.shield[1]
        lines.append(_line(policy, got.edge, got if stores.shield else None, whole, asked))
    try:
        most, whole = bound(requests, stores, seconds)
    except TookTooLong:
        lines.append(_line("pfoo-l", None, None, None, asked))
    else:
        lines.append(_line("pfoo-l", most, None, whole, asked))
    return lines


def _line(
    policy: str,
    edge: Sequence[int] | None,
    got: Got | None,
    whole: Sequence[int] | None,
    asked: tuple[int, int],
) -> dict[str, object]:
    return {
        "policy": policy,
        "edge": _ratios(edge, asked),
        "shield": _ratios(got.shield, got.asked) if got else None,
        "whole": _ratios(whole, asked),
    }


def _ratios(hits: Sequence[int] | None, asked: Sequence[int]) -> dict[str, float] | None:
    if hits is None:
        return None
    return {"objects": hits[0] / max(1, asked[0]), "bytes": hits[1] / max(1, asked[1])}
