"""Bodies on their way to disk: bounded for all workers together, and counted until a record names them or they go."""

from __future__ import annotations

import asyncio
import os
import time

from httpcache.store.arrivals import Arrivals
from httpcache.store.eviction import Eviction
from tests.store.opening import SEGMENT, filled, opened, settled
from tests.store.test_eviction import SomeRows
from tests.store.things import stored


def arrivals(table=None, worker: int = 0, started: float = 1000.0, limit: int = 100) -> Arrivals:
    return Arrivals(table, worker, started, lambda: limit)


def test_what_arrives_together_is_bounded_whether_its_length_is_known_or_not():
    some = arrivals()
    assert some.begin("known", 60)
    assert some.grow("unknown", 40)
    assert not some.begin("another", 1)
    assert not some.grow("unknown", 1)
    some.end("known")
    assert some.grow("unknown", 60) and some.total() == 100


def test_what_is_written_of_a_reserved_body_counts_once():
    some = arrivals()
    assert some.begin("a", 60)
    assert some.grow("a", 50) and some.total() == 60
    assert some.grow("a", 20) and some.total() == 70


def test_a_body_that_is_given_up_counts_as_far_as_it_was_written_until_that_is_removed():
    some = arrivals()
    some.begin("a", 60)
    some.begin("b", 10)
    some.grow("a", 30)
    some.give_up("a")
    some.give_up("b")
    some.give_up("unheard of")
    assert some.total() == 30
    some.end("a")
    assert some.total() == 0


def test_all_workers_of_a_node_are_bounded_together(tmp_path):
    one, other = arrivals(tmp_path / "arriving", 0), arrivals(tmp_path / "arriving", 1)
    assert one.begin("a", 60)
    assert not other.begin("b", 60)
    assert other.begin("b", 40) and one.total() == 100


def test_a_worker_knows_that_it_was_killed_while_bodies_arrived_and_an_earlier_run_says_nothing(tmp_path):
    killed = arrivals(tmp_path / "arriving", 3)
    killed.begin("a", 60)
    again = arrivals(tmp_path / "arriving", 3)
    assert again.were_left and again.total() == 0
    again.begin("a", 60)
    later = arrivals(tmp_path / "arriving", 0, started=2000.0)
    assert not later.were_left and later.total() == 0


def test_nothing_stored_goes_for_more_arriving_than_may_be():
    rows = SomeRows()
    for name in "abcdef":
        rows.put(name, 100)
    arriving = 5000
    eviction = Eviction(rows, None, 1000, lambda: arriving)
    rows.used = lambda: arriving + sum(row.size for row in rows.rows.values())
    eviction.make_room()
    assert 400 <= rows.used() - arriving < 600


async def test_segments_beyond_the_share_are_refused_and_what_is_stored_stays(tmp_path):
    store = await opened(tmp_path, ram=0, disk=2**23)
    for n in range(20):
        filled(store, f"small{n}", 1000)
    await settled(store)
    body_id = store.new_body_id("huge")
    kept = [await store.segments.write(body_id, n, os.urandom(SEGMENT)) for n in range(200)]
    assert 50 <= sum(kept) <= 64, "half of the budget, by segments of 64 KiB"
    await settled(store)
    assert all(store.disk.get(f"small{n}") for n in range(20))
    assert store.disk.eviction.used < 2**23
    await store.close()


async def test_a_body_counts_until_its_record_is_written(tmp_path):
    store = await opened(tmp_path, disk=2**23)
    one = stored("k", store.new_body_id("k"), 2 * SEGMENT)
    assert store.begin(one.forms[0].body_id, 2 * SEGMENT)
    for index in range(2):
        assert await store.segments.write(one.forms[0].body_id, index, bytes(SEGMENT))
    assert store.disk.arrivals.total() == 2 * SEGMENT
    store.keep(one, {})
    assert store.disk.arrivals.total() == 0
    await store.close()


async def test_a_body_that_is_discarded_counts_until_it_has_gone(tmp_path, monkeypatch):
    monkeypatch.setattr("httpcache.store.disk.GRACE", 0.0)
    store = await opened(tmp_path, disk=2**23)
    body_id = store.new_body_id("k")
    await store.segments.write(body_id, 0, bytes(SEGMENT))
    store.segments.discard(body_id)
    await settled(store)
    await settled(store)
    assert store.disk.arrivals.total() == 0
    assert list((tmp_path / "store").glob("??/*.val")) == []
    await store.close()


async def test_what_a_killed_worker_had_begun_is_swept_when_it_is_started_again_and_others_are_spared(
    tmp_path, monkeypatch
):
    (tmp_path / "lock").touch()
    os.utime(tmp_path / "lock", (time.time() - 60,) * 2)
    made = {}
    began = time.time() - 5
    for worker in (1, 2):
        killed = await opened(tmp_path, worker=worker)
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda: began)
            made[worker] = killed.new_body_id("k")
        await killed.segments.write(made[worker], 0, bytes(SEGMENT))
        killed.disk.arrivals.end = lambda _: None
        await killed.close()
    again = await opened(tmp_path, worker=1)
    await asyncio.to_thread(again.disk._writer.is_done_with_chore.wait, 20)
    assert await again.segments.read(made[1], 0) is None
    assert await again.segments.read(made[2], 0) == bytes(SEGMENT)
    await again.close()
