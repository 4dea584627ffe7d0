"""The scratch for nodes without a disk store: it streams, answers no hole, and lets go."""

from __future__ import annotations

import asyncio

from httpcache.store.segments import GRACE, ScratchSegments
from tests.store.opening import SEGMENT, opened
from tests.store.things import stored


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_what_was_written_comes_back_and_a_hole_does_not():
    scratch = ScratchSegments(10)
    assert await scratch.write("b", 1, b"second")
    assert await scratch.read("b", 1) == b"second"
    assert await scratch.read("b", 0) is None
    assert await scratch.read("other", 0) is None


async def test_a_discarded_body_stays_for_those_who_go_on_reading_it():
    clock = Clock()
    scratch = ScratchSegments(10, monotonic=clock)
    await scratch.write("b", 0, b"0123456789")
    scratch.discard("b")
    for _ in range(5):
        clock.now += GRACE - 1
        assert await scratch.read("b", 0) == b"0123456789"
        scratch.discard("unknown")
    clock.now += GRACE
    scratch.discard("unknown")
    assert len(scratch) == 0
    assert await scratch.read("b", 0) is None


async def test_a_file_stays_open_while_a_thread_uses_it_though_nobody_waits_any_more(monkeypatch):
    clock = Clock()
    scratch = ScratchSegments(10, monotonic=clock)
    await scratch.write("b", 0, b"x")
    file = scratch._bodies["b"].file
    used = []
    monkeypatch.setattr(asyncio, "to_thread", lambda work, *with_: used.append(with_) or asyncio.sleep(3600))
    reading = asyncio.create_task(scratch.read("b", 0))
    await asyncio.sleep(0)
    reading.cancel()
    assert used[0][0] is file, "the thread is given the file itself, which keeps its descriptor"


async def test_a_large_body_streams_through_a_node_without_a_disk_and_is_not_kept(tmp_path):
    store = await opened(tmp_path, disk=0, ram=2**20)
    body_id = store.new_body_id("k")
    for index in range(20):
        assert await store.segments.write(body_id, index, bytes([index]) * SEGMENT)
    store.keep(stored("k", body_id, 20 * SEGMENT), {})
    assert store.look_up("k") == ()
    assert await store.segments.read(body_id, 19) == bytes([19]) * SEGMENT, "slow clients are still at it"
    assert store.segments._bodies[body_id].discarded
    assert list(tmp_path.iterdir()) == []


async def test_without_a_disk_only_variants_whose_bodies_ram_has_are_found(tmp_path):
    store = await opened(tmp_path, disk=0, ram=2**22)
    small = stored("k", "k.1", 3, variant="de")
    store.keep(small, {"k.1": b"abc"})
    store.keep(stored("k", "k.2", 2**21, variant="fr"), {"k.2": bytes(2**21)})
    assert store.look_up("k") == (small,)
