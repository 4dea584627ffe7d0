"""What others would have got of a run: sequences with answers worked out by hand, and laws between the policies."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.load_compare import Stores, TookTooLong, compare, editions, online, requests_of
from edgeward.load_run import Pace, Run
from edgeward.load_workload import Workload
from edgeward.simulate import Budgets


def ran(sequence, *, targets=None, sent=None, size=10, **more):
    """A run that asked for objects, named by letters, one each second."""
    numbers = array("L", [ord(one) - ord("a") for one in sequence])
    workload = Workload({"kind": "trace", "file": "x"}, array("Q", [size] * 26), numbers, **more)
    run = Run(workload, Pace(1))
    run.asked = array("H", targets or [0] * len(numbers))
    run.sent = array("d", sent or range(len(numbers)))
    run.hit_at = bytearray(len(numbers))
    return run


def hits(run, policy, stores):
    lines = {line["policy"]: line for line in compare(run, stores)}
    return {
        tier: round(of["objects"] * 1000) / 1000 for tier, of in lines[policy].items() if isinstance(of, dict)
    }


TWO = Stores(Budgets(0, 20))


@pytest.mark.parametrize(
    ("policy", "expected"), [("lru", 2 / 5), ("fifo", 1 / 5), ("belady-size", 2 / 5), ("pfoo-l", 2 / 5)]
)
def test_one_edge_is_judged_by_its_own_requests(policy, expected):
    assert hits(ran("abaca"), policy, TWO)["edge"] == pytest.approx(expected)


def test_the_shield_is_asked_what_the_edges_missed():
    run = ran("aabb" * 2, targets=[0, 1] * 4)
    assert hits(run, "lru", Stores(Budgets(0, 20), Budgets(0, 20))) == {
        "edge": 0.5, "shield": 0.5, "whole": 0.75,
    }  # fmt: skip


def test_the_warm_up_fills_the_stores_and_is_not_counted():
    assert hits(ran("abab", warm_up=2), "lru", TWO)["edge"] == 1.0


def test_what_is_no_longer_fresh_is_no_hit_at_any_tier():
    run = ran("aaa", sent=[0.0, 0.5, 1.2], ttl=1)
    for policy in ("edgeward", "lru", "fifo", "sieve"):
        assert hits(run, policy, Stores(Budgets(0, 20), Budgets(0, 20)))["whole"] == pytest.approx(
            1 / 3, abs=1e-3
        )


def test_an_edge_does_not_start_the_age_of_what_the_shield_has_anew():
    run = ran("aaa", targets=[0, 1, 1], sent=[0.0, 0.8, 1.1], ttl=1)
    assert hits(run, "lru", Stores(Budgets(0, 20), Budgets(0, 20)))["edge"] == 0


def test_the_bound_allows_every_hit_within_a_lifetime_of_the_request_before():
    asked = list(requests_of(ran("aaaa", sent=[0.0, 0.9, 1.8, 5.0], ttl=1)))
    assert len({key for key, _ in editions(asked)}) == 2


def test_what_may_not_be_stored_is_never_a_hit():
    run = ran("aaaa", kinds=bytes([1] * 26))
    for line in compare(run, TWO):
        assert line["whole"] == {"objects": 0, "bytes": 0}, line["policy"]


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(0, 1), st.sampled_from([0.1, 0.7])), max_size=40
    ),
    st.integers(0, 10),
)
def test_no_policy_passes_the_bound_of_edges_or_of_the_whole(asked, warm_up):
    sequence, targets, gaps = zip(*asked, strict=True) if asked else ((), (), ())
    sent = [sum(gaps[:at]) for at in range(len(gaps))]
    run = ran("".join(sequence), targets=list(targets), sent=sent, ttl=1, warm_up=min(warm_up, len(asked)))
    *others, bound = compare(run, Stores(Budgets(0, 20), Budgets(0, 30)))
    for line in others:
        for tier in ("edge", "whole"):
            for of in ("objects", "bytes"):
                assert line[tier][of] <= bound[tier][of] + 1e-9, (line["policy"], tier, of)


def test_a_policy_that_takes_too_long_is_given_up_and_told_as_such():
    run = ran("abc")
    with pytest.raises(TookTooLong):
        online("lru", list(requests_of(run)), TWO, seconds=-1)
    assert [line["edge"] for line in compare(run, TWO, seconds=-1)] == [None] * 6, "PFOO-L too"
