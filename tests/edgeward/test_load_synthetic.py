"""Made workloads: drift, scans, and what caches may not keep, each in its share and the same from the same seed."""

from __future__ import annotations

from collections import Counter

import pytest

from edgeward.load_synthetic import SCAN, Mix, synthetic_workload
from edgeward.load_workload import Kind


def made(**changes):
    return synthetic_workload(Mix(**{"objects": 500, "alpha": 0.9, "requests": 20_000, "seed": 1} | changes))


FULL = {"drift": 0.5, "scans": 0.2, "uncacheable": 0.1, "short_lived": 0.1}


def test_the_same_seed_gives_the_same_of_everything():
    one, again = made(**FULL), made(**FULL)
    assert (one.sequence, one.sizes, one.kinds) == (again.sequence, again.sizes, again.kinds)
    assert one.sequence != made(**FULL, seed=2).sequence


def test_without_drift_the_first_object_stays_the_most_popular_and_with_it_does_not():
    def most_popular(workload):
        return [
            Counter(workload.sequence[start : start + 4000]).most_common(1)[0][0] for start in (0, 16_000)
        ]

    assert most_popular(made(objects=50)) == [0, 0]
    drifted = most_popular(made(objects=50, drift=8.0))
    assert drifted[0] == 0 or drifted[1] != 0


def test_drift_leaves_the_shape_of_popularity_at_every_moment():
    first, last = (Counter(made(drift=20.0).sequence[start : start + 2000]) for start in (0, 18_000))
    assert first.most_common(1)[0][1] == pytest.approx(last.most_common(1)[0][1], rel=0.6)


def test_what_a_scan_asks_for_nobody_asks_for_again():
    workload = made(scans=0.2, requests=50_000)
    scanned = [index for index in workload.sequence if index >= 500]
    assert max(Counter(scanned).values()) == 1
    assert len(scanned) / 50_000 == pytest.approx(0.2, abs=0.05)
    starts = [at for at, index in enumerate(workload.sequence) if index >= 500]
    assert starts[SCAN - 1] - starts[0] == SCAN - 1, "a scan is requests in a row"


def test_shares_of_objects_are_uncacheable_or_short_lived():
    workload = made(objects=5000, uncacheable=0.1, short_lived=0.2, short_ttl=7)
    counts = Counter(workload.kinds)
    assert counts[Kind.UNCACHEABLE] / 5000 == pytest.approx(0.1, abs=0.02)
    assert counts[Kind.SHORT_LIVED] / 5000 == pytest.approx(0.2, abs=0.02)
    refused, short, usual = (
        workload.kinds.index(kind) for kind in (Kind.UNCACHEABLE, Kind.SHORT_LIVED, Kind.USUAL)
    )
    assert "cache_control=no-store" in workload.path(refused) and workload.lifetime(refused) == 0
    assert "ttl=7&" in workload.path(short) and workload.lifetime(short) == 7
    assert "ttl=3600&" in workload.path(usual)


def test_what_may_not_be_stored_is_no_hit_that_could_be():
    assert made(objects=1, requests=4, uncacheable=1.0).summary()["best_object_hit_ratio"] == 0
    warmed = made(objects=1, requests=4, sigma=0).summary()
    assert warmed["best_object_hit_ratio"] == 0.75
    assert made(objects=1, requests=4, warm_up=1).summary()["best_object_hit_ratio"] == 1.0
