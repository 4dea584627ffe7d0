"""PFOO-L (Berger et al., SIGMETRICS 2018): a bound on the hit ratio that no cache of a given size can pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

STEP = 4096
"""Requests between two calls of what may end the reckoning."""


def bounds(requests: Sequence[tuple[str, int]], budget: int) -> tuple[float, float]:
    """The highest object and byte hit ratio that `budget` bytes could give, each for itself."""
    hits, octets = most_hits(requests, budget)
    total = sum(size for _, size in requests)
    return hits / max(1, len(requests)), octets / max(1, total)


def most_hits(
    requests: Sequence[tuple[str, int]],
    budget: int,
    warm_up: int = 0,
    may_go_on: Callable[[], None] = lambda: None,
) -> tuple[int, int]:
    """The most hits and the most octets of hits, each for itself, among the requests after the first `warm_up`.

    To hit, an object must be kept from its last request to this one, which takes size × time of the cache's room.
    The cheapest intervals are taken, as if they could be laid into the cache as into one bag, until it is full.
    What an interval takes before the warm-up is over takes no room of what is measured.
    `may_go_on` is called now and then, and raises what ends it.
    """
    last: dict[tuple[str, int], int] = {}
    intervals: list[tuple[int, int]] = []  # how long, how large
    for at, request in enumerate(requests):
        if at % STEP == 0:
            may_go_on()
        before = last.get(request)
        if before is not None and at >= warm_up and request[1] <= budget:
            intervals.append((at - max(before, warm_up), request[1]))
        last[request] = at
    room = budget * max(0, len(requests) - warm_up)
    hits, _ = _taken(sorted(intervals, key=lambda one: one[0] * one[1]), room)
    may_go_on()
    _, octets = _taken(sorted(intervals), room)
    return hits, octets


def _taken(intervals: Iterable[tuple[int, int]], room: int) -> tuple[int, int]:
    """Intervals taken in this order, and their octets. The one that fills the bag counts whole: this is a bound."""
    hits = octets = 0
    for length, size in intervals:
        if room <= 0 and length:
            break
        room -= length * size
        hits += 1
        octets += size
    return hits, octets
