"""Simulated caches: hand-made sequences with known answers, and laws that hold between them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.simulate import POLICIES, Budgets, new_cache, simulate

REQUESTS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.just(0)), max_size=60).map(
    lambda asked: [(key, 1 + ord(key) % 4) for key, _ in asked]
)
ROOM = Budgets(1, 4)


@given(REQUESTS)
def test_no_policy_passes_the_bound(asked):
    bound = simulate(asked, "pfoo-l", ROOM)
    for policy in POLICIES:
        got = simulate(asked, policy, ROOM)
        assert got.objects <= bound.objects and got.octets <= bound.octets, policy


@given(REQUESTS)
def test_with_room_for_everything_all_but_the_first_request_hit(asked):
    plenty = Budgets(10_000, 10_000)
    distinct = len(set(asked))
    for policy in POLICIES:
        assert simulate(asked, policy, plenty).objects == pytest.approx(
            (len(asked) - distinct) / max(1, len(asked))
        ), policy


@pytest.mark.parametrize(
    ("policy", "sequence", "hits"),
    [
        ("lru", "abaca", 2),
        ("fifo", "abaca", 1),
        ("sieve", "abaca", 2),
        ("lru", "abcabdb", 1),
        ("belady-size", "abcabdb", 3),
        ("pfoo-l", "abcabdb", 3),
    ],
)
def test_sequences_worked_out_by_hand(policy, sequence, hits):
    asked = [(key, 1) for key in sequence]
    assert simulate(asked, policy, Budgets(0, 2)).objects == pytest.approx(hits / len(sequence))


def test_lru_forgets_a_scan_and_fifo_what_it_took_first():
    lru, fifo = new_cache("lru", Budgets(0, 2)), new_cache("fifo", Budgets(0, 2))
    for cache in (lru, fifo):
        for key in "abac":
            cache.ask(key, 1)
    assert lru.ask("a", 1), "a was asked for after b"
    assert not fifo.ask("a", 1), "a was the first in"


def test_an_object_that_changed_its_size_is_another():
    for policy in ("edgeward", "lru", "fifo", "sieve"):
        cache = new_cache(policy, Budgets(10, 100))
        assert not cache.ask("a", 5)
        assert cache.ask("a", 5)
        assert not cache.ask("a", 6), policy
        assert cache.ask("a", 6), policy


def test_ours_keeps_the_hot_set_through_a_scan_of_large_objects_where_lru_loses_it():
    draw = random.Random(7)
    asked = []
    for scanned in range(4000):
        asked.append((f"hot{draw.randrange(200)}", 10_000))
        asked.append((f"scan{scanned}", 100_000))
    budgets = Budgets(200_000, 2_500_000)
    ours, lru = (simulate(asked, policy, budgets).objects for policy in ("edgeward", "lru"))
    assert ours > 0.45
    assert lru < 0.15


def test_a_policy_that_knows_what_comes_is_not_asked_one_request_at_a_time():
    with pytest.raises(ValueError, match="belady-size"):
        new_cache("belady-size", ROOM)
