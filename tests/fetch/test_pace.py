"""The pace of the other side: only the time that was spent waiting for it counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from httpcache.fetch.pace import Pace


def test_a_body_at_the_least_rate_is_not_too_slow_and_one_below_is():
    just, below = Pace(100, 10), Pace(100, 10)
    assert not any(just.is_too_slow(100, 1.0) for _ in range(100))
    assert [below.is_too_slow(99, 1.0) for _ in range(10)] == [False] * 9 + [True]


def test_a_slow_window_after_fast_ones_is_noticed():
    pace = Pace(100, 10)
    assert not pace.is_too_slow(10**9, 10.0)
    assert pace.is_too_slow(1, 10.0)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 100))))
def test_without_a_least_rate_nothing_is_too_slow(pieces):
    pace = Pace(0, 10)
    assert not any(pace.is_too_slow(octets, waited) for octets, waited in pieces)


@given(st.lists(st.floats(0, 100)))
def test_a_body_that_keeps_to_the_rate_is_never_too_slow(waits):
    pace = Pace(1000, 10)
    assert not any(pace.is_too_slow(int(wait * 1000) + 1, wait) for wait in waits)
