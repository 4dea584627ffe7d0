"""Writing behind: what fails leaves nothing behind and brings nothing older back."""

from __future__ import annotations

import asyncio

from httpcache.store.raw_disk import RawDisk
from tests.store.opening import SEGMENT, filled, full_disk, opened, settled
from tests.store.things import stored


async def test_a_full_disk_costs_only_later_hits(tmp_path):
    store = await opened(tmp_path, ram=2**16)
    with full_disk():
        filled(store, "k", SEGMENT)
        await settled(store)
        assert store.counts.faults["write"] == 1
        assert not await store.segments.write("h.2", 0, b"y" * SEGMENT)
        assert store.look_up("k") == ()
    one, body = filled(store, "k", SEGMENT)
    await settled(store)
    assert await store.whole(one, one.forms[0]) == body
    await store.close()


async def test_a_failed_batch_leaves_no_file_behind(tmp_path):
    store = await opened(tmp_path)
    with full_disk():
        filled(store, "k", 5 * SEGMENT)
        await settled(store)
    assert list((tmp_path / "store").glob("??/*.val")) == []
    await store.close()


async def test_after_a_failed_write_the_older_value_does_not_come_back(tmp_path):
    store = await opened(tmp_path, ram=0)
    filled(store, "k", SEGMENT)
    await settled(store)
    with full_disk():
        filled(store, "k", SEGMENT, received=2000.0)
        await settled(store)
        assert store.look_up("k") == ()
    await store.close()
    again = await opened(tmp_path)
    assert again.look_up("k") == ()
    await again.close()


async def test_what_the_queue_refuses_takes_the_older_value_with_it(tmp_path):
    store = await opened(tmp_path, ram=0, queue=3 * SEGMENT)
    filled(store, "k", 10)
    await settled(store)
    for n in range(100):
        filled(store, f"other{n}", 2 * SEGMENT)
        filled(store, "k", 2 * SEGMENT, received=2000.0 + n)
    newest, _ = filled(store, "k", 2 * SEGMENT, received=3000.0)
    assert store.counts.refused > 0
    assert store.look_up("k") in ((), (newest,))
    await settled(store)
    assert store.look_up("k") in ((), (newest,))
    await store.close()


async def test_a_segment_that_somebody_waits_for_is_never_refused_for_want_of_room_in_the_queue(tmp_path):
    store = await opened(tmp_path, queue=1)
    done = await asyncio.gather(*(store.segments.write("h.1", n, b"x" * SEGMENT) for n in range(20)))
    assert all(done)
    await store.close()


async def test_the_writing_thread_outlives_an_error_nobody_foresaw(tmp_path, monkeypatch):
    store = await opened(tmp_path, ram=0)

    def surprise(*_):
        raise RuntimeError("surprise")

    with monkeypatch.context() as patched:
        patched.setattr(RawDisk, "store", surprise)
        filled(store, "k", 10)
        await settled(store)
    one, _ = filled(store, "k", 10)
    await settled(store)
    assert store.counts.faults["write"] == 1
    assert store.look_up("k") == (one,)
    await store.close()


async def test_what_comes_after_the_end_is_refused(tmp_path):
    store = await opened(tmp_path)
    await store.close()
    assert not await store.segments.write("h.1", 0, b"x")
    store.keep(stored(), {"b.1": b"abc"})


async def test_a_replaced_body_goes_after_a_while_from_its_first_segment_to_its_last(tmp_path, monkeypatch):
    monkeypatch.setattr("httpcache.store.disk.GRACE", 0.0)
    store = await opened(tmp_path)
    filled(store, "k", 3 * SEGMENT)
    await settled(store)
    one, body = filled(store, "k", 2 * SEGMENT, received=2000.0)
    await settled(store)
    await settled(store)
    assert len(list((tmp_path / "store").glob("??/*.val"))) == 2
    assert await store.whole(one, one.forms[0]) == body
    await store.close()


async def test_a_full_disk_store_takes_large_bodies_at_their_second_request_only(tmp_path):
    store = await opened(tmp_path, ram=2**22, disk=2**22)
    for n in range(150):
        filled(store, f"small{n}", 30_000)
        if n % 20 == 0:
            await settled(store)
    await settled(store)
    assert store.disk.is_pressed
    first, body = filled(store, "large", SEGMENT)
    await settled(store)
    assert store.disk.get("large") == ()
    assert store.body(first, first.forms[0]) == body, "RAM takes it at once"
    store.keep(first, {})
    assert store.disk.get("large") == (), "what RAM had is no second request"
    store.ram.drop("large")
    second, body = filled(store, "large", SEGMENT, received=2000.0)
    await settled(store)
    assert store.disk.get("large") == (second,)
    await store.close()


async def test_a_variant_that_no_store_took_is_not_found_beside_one_that_ram_took(tmp_path):
    store = await opened(tmp_path, ram=2**20, disk=2**22)
    for n in range(150):
        filled(store, f"small{n}", 30_000)
        if n % 20 == 0:
            await settled(store)
    assert store.disk.is_pressed
    small, large = (stored("k", store.new_body_id("k"), size, variant=str(size)) for size in (15_000, 60_000))
    store.keep(small, {small.forms[0].body_id: bytes(15_000)})
    store.keep(large, {large.forms[0].body_id: bytes(60_000)})
    assert store.look_up("k") == (small,)
    await store.close()
