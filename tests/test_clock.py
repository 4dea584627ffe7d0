"""The clock by which ages are reckoned: whatever somebody sets, no less than has gone by."""

from __future__ import annotations

import time

import pytest

from httpcache import clock


@pytest.fixture
def machine(monkeypatch):
    """The machine's two clocks: the one that can be set, and the one that cannot."""
    times = {"set": 1_000_000.0, "elapsed": 50.0}
    monkeypatch.setattr(time, "time", lambda: times["set"])
    monkeypatch.setattr(time, "clock_gettime", lambda _: times["elapsed"])
    return times


def test_it_goes_with_the_machines_clock(machine):
    steady = clock.steady()
    for _ in range(3):
        machine["set"] += 7
        machine["elapsed"] += 7
        assert steady() == machine["set"]


def test_a_clock_that_is_set_back_is_not_followed(machine):
    steady = clock.steady()
    machine["set"] += 10 - 3600
    machine["elapsed"] += 10
    assert steady() == 1_000_010


def test_a_clock_that_is_set_forward_is_followed_and_so_is_its_return(machine):
    steady = clock.steady()
    machine["set"] += 3600
    assert steady() == 1_003_600
    machine["set"] -= 3600
    machine["elapsed"] += 1
    assert steady() == 1_000_001
