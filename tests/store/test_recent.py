"""Records of large bodies are not read from disk for each who asks; what changes them is seen at once, or soon."""

from __future__ import annotations

from dataclasses import replace

import pytest

from httpcache import clock
from httpcache.messages import Form
from httpcache.store import recent
from httpcache.store.recent import Recent
from tests.store.opening import filled, opened, settled
from tests.store.things import stored

LARGE = 2**20


@pytest.fixture
async def store(tmp_path):
    made = await opened(tmp_path, ram=2**20)
    yield made
    await made.close()


@pytest.fixture
def reads(store, monkeypatch):
    """The keys that were looked up on disk."""
    keys, really = [], store.disk.get
    monkeypatch.setattr(store.disk, "get", lambda key: keys.append(key) or really(key))
    return keys


async def test_the_record_of_a_large_body_is_read_once_for_many(store, reads):
    one, _ = filled(store, "http://a/x", LARGE)
    await settled(store)
    reads.clear()
    assert [store.look_up(one.key) for _ in range(10)] == [(one,)] * 10
    assert reads == [one.key]
    assert store.counts.disk_hits == 10


async def test_what_this_worker_changes_is_seen_at_once(store, reads):
    first, _ = filled(store, "http://a/x", LARGE)
    assert store.look_up(first.key) == (first,)
    second, _ = filled(store, "http://a/x", LARGE, received=2000.0)
    assert store.look_up(first.key) == (second,)
    store.forget(first.key)
    assert store.look_up(first.key) == ()


async def test_what_another_worker_changes_is_seen_when_the_time_is_up(store, tmp_path, monkeypatch):
    first, _ = filled(store, "http://a/x", LARGE)
    await settled(store)
    assert store.look_up(first.key) == (first,)
    other = await opened(tmp_path, worker=1, ram=2**20)
    second, _ = filled(other, "http://a/x", LARGE, received=2000.0)
    await other.close()
    assert store.look_deeper(first.key) == (second,)
    later = clock.monotonic() + recent.KEPT + 0.1
    monkeypatch.setattr(clock, "monotonic", lambda: later)
    assert store.look_up(first.key) == (second,)


async def test_what_ram_takes_or_is_held_in_part_is_looked_up_each_time(store, reads):
    small, _ = filled(store, "http://a/small", 100_000 // 10)
    part = replace(stored("http://a/part"), forms=(Form("", "b.9", LARGE, ((0, 1000),)),))
    store.ram.drop(small.key)
    store.keep(part, {})
    reads.clear()
    for _ in range(3):
        store.look_up(small.key)
        store.look_up(part.key)
    assert len(reads) == 6


def test_what_is_remembered_is_bounded():
    one, memo = stored(), Recent()
    for number in range(recent.REMEMBERED + 10):
        memo.put(str(number), (one,))
    assert memo.get("9") == ()
    assert memo.get("10") == (one,)
