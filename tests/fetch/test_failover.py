"""Which shield is asked next: those that are down come last, and are tried again by one request at a time."""

from __future__ import annotations

from httpcache.fetch.failover import LONGEST, Health


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def made(pause=1.0):
    clock = Clock()
    return Health(pause, 5.0, clock), clock


def test_while_all_are_well_the_order_is_the_keys():
    health, _ = made()
    assert health.ordered(("a", "b", "c")) == ("a", "b", "c")


def test_one_that_could_not_be_reached_is_asked_last_for_a_while():
    health, clock = made()
    health.failed("a")
    assert health.ordered(("a", "b", "c")) == ("b", "c", "a")
    clock.now = 0.99
    assert health.ordered(("a", "b")) == ("b", "a")
    clock.now = 1.0
    assert health.ordered(("a", "b")) == ("a", "b")


def test_of_those_who_come_after_the_pause_one_tries_and_the_others_go_elsewhere():
    health, clock = made()
    health.failed("a")
    clock.now = 1.0
    assert health.ordered(("a", "b")) == ("a", "b")
    assert health.ordered(("a", "b")) == ("b", "a")
    health.answered("a")
    assert health.ordered(("a", "b")) == ("a", "b")


def test_a_pause_doubles_each_time_up_to_a_limit():
    health, clock = made()
    for times in (1, 2, 4, 8, 16, LONGEST, LONGEST):
        health.failed("a")
        began = clock.now
        clock.now = began + times - 0.01
        assert health.ordered(("a", "b")) == ("b", "a")
        clock.now = began + times
        assert health.ordered(("a", "b")) == ("a", "b")


def test_who_is_not_first_is_not_tried_before_its_turn():
    health, clock = made()
    health.failed("b")
    clock.now = 1.0
    assert health.ordered(("a", "b", "c")) == ("a", "c", "b")
    assert health.ordered(("b", "a")) == ("b", "a")


def test_where_all_are_down_all_are_asked_in_their_order():
    health, _ = made()
    for server in ("a", "b"):
        health.failed(server)
    assert health.ordered(("b", "a")) == ("b", "a")
    assert health.ordered(("a",)) == ("a",)
