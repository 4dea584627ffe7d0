"""A long run of orders is made durable in parts, so that clients are answered between; in order, and none is lost."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import PurgeMark
from httpcache.purge import following as module
from httpcache.purge.feed_lines import FeedLine, seal
from httpcache.purge.follower import Follower
from httpcache.purge.following import CATCHING_UP, PAUSE, STEP, Following, Taken, parts
from httpcache.purge.keys import node_key
from httpcache.purge.orders import Kind, Order
from httpcache.purge.watermarks import Watermarks
from httpcache.settings import Settings

LONG = 2 * STEP + 1
EPOCH = 7


@pytest.fixture
def following(tmp_path):
    """Of a node that keeps the log itself, in the log's epoch."""
    made = Following(Settings.model_validate({"name": "keeper", "origin": "http://127.0.0.1:1"}), tmp_path, 0)
    made.applied.adopt(PurgeMark(EPOCH, 0), 1)
    made.load()
    yield made
    made.applied.close()


@pytest.fixture
def pauses(monkeypatch):
    made: list[float] = []
    monkeypatch.setattr(module.time, "sleep", made.append)
    return made


def take(following, folder, count: int, newest: int):
    """Take the next line of a new connection, with so many orders by tag."""
    _, mark = following.begin()
    numbers = range(mark.n + 1, mark.n + count + 1)
    orders = tuple(Order(Kind.TAG, (f"t-{n}",)) for n in numbers)
    line = FeedLine(0, following._nonce, EPOCH, 1, newest, 1.0, mark.n, orders)
    return following.take([seal(line, node_key(folder, "keeper")).rstrip(b"\n")])


def test_a_long_run_is_taken_whole_with_pauses_between_its_parts(following, tmp_path, pauses):
    taken = take(following, tmp_path, LONG, LONG)
    assert [n for n, _ in taken.orders] == list(range(1, LONG + 1))
    assert pauses == [PAUSE] * 4 and taken.pause == PAUSE
    held = following.load()
    assert held.mark == PurgeMark(EPOCH, LONG) and len(held.levels) == LONG


def test_a_short_run_does_not_wait(following, tmp_path, pauses):
    assert take(following, tmp_path, STEP, STEP).pause == 0
    assert not any(pauses)


def test_who_lacks_very_many_orders_does_not_wait(following, tmp_path, pauses):
    assert take(following, tmp_path, LONG, CATCHING_UP + LONG).pause == 0
    assert not any(pauses)


def test_what_fails_half_way_is_taken_again_from_its_beginning_so_that_memory_gets_all_of_it(
    following, tmp_path, pauses, monkeypatch
):
    persist = following.applied.persist

    def persist_until_full(epoch, after, orders):
        if after >= STEP:
            raise sqlite3.OperationalError("database or disk is full")
        return persist(epoch, after, orders)

    with monkeypatch.context() as full:
        full.setattr(following.applied, "persist", persist_until_full)
        with pytest.raises(sqlite3.OperationalError):
            take(following, tmp_path, LONG, LONG)
    assert following.applied.load().mark == PurgeMark(EPOCH, STEP), "the first part is durable"
    assert following.begin()[1] == PurgeMark(EPOCH, 0), "but nobody has been told of it"
    taken = take(following, tmp_path, LONG, LONG)
    assert [n for n, _ in taken.orders] == list(range(1, LONG + 1))
    assert following.load().mark == PurgeMark(EPOCH, LONG)


@given(st.lists(st.integers(0, 250), max_size=40))
def test_parts_are_all_of_a_run_in_its_order_and_name_no_more_than_they_should_unless_one_order_does(counts):
    run = [(n, Order(Kind.TAG, tuple(map(str, range(count))))) for n, count in enumerate(counts, 1)]
    made = list(parts(run, 100))
    assert [one for part in made for one in part] == run
    assert all(len(part) == 1 or sum(len(order.targets) for _, order in part) <= 100 for part in made)
    assert len(made) <= 1 + 2 * sum(max(1, count) for count in counts) // 100, "no more parts than it takes"


async def test_what_took_long_to_apply_tells_of_the_logs_end_as_it_was_when_it_was_read(tmp_path):
    now = [100.0]
    marks = Watermarks(1000)
    settings = Settings.model_validate({"name": "edge", "shields": ["http://127.0.0.1:1"]})
    follower = Follower(settings, tmp_path, 0, marks, lambda: now[0])
    limit = settings.purge.lag_limit
    now[0] += limit + 5
    await follower._apply(Taken((), 0, 1.0), read_at=101.0)
    assert follower.lag(now[0]) == limit + 4 and not marks.proven
    await follower._apply(Taken((), 0, 1.0, behind=2.0), read_at=now[0])
    assert follower.lag(now[0]) == 2.0 and marks.proven
