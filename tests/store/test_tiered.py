"""The store as the transaction sees it: RAM over disk, and each alone."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace

import pytest

from httpcache.messages import Form
from httpcache.store.raw_disk import NotOctets, RawDisk
from httpcache.store.segments import SegmentLost
from httpcache.store.tiered import TieredStore
from tests.store.opening import SEGMENT, filled, opened, settings, settled
from tests.store.things import stored


async def everything(store, one) -> bytes | None:
    return await store.whole(one, one.forms[0])


@pytest.fixture(params=[2**24, 0], ids=["RAM over disk", "RAM alone"])
async def store(request, tmp_path):
    made = await opened(tmp_path, disk=request.param)
    yield made
    await made.close()


async def test_what_is_kept_is_found_with_its_body(store):
    one = stored()
    store.keep(one, {"b.1": b"abc"})
    assert store.look_up(one.key) == (one,)
    assert store.body(one, one.forms[0]) == b"abc"
    assert store.look_up("http://a/other") == ()


async def test_a_later_response_takes_the_place_of_the_same_variant_only(store):
    german, french = stored(variant="de", body_id="h.1"), stored(variant="fr", body_id="h.2")
    newer = stored(variant="de", body_id="h.3", received=2000.0)
    for one, body in ((german, b"aaa"), (french, b"bbb"), (newer, b"ccc")):
        store.keep(one, {one.forms[0].body_id: body})
    assert set(store.look_up(german.key)) == {french, newer}
    assert [store.body(one, one.forms[0]) for one in (newer, french)] == [b"ccc", b"bbb"]


async def test_variants_are_bounded_and_the_oldest_goes(tmp_path):
    store = await opened(tmp_path, variants=3)
    for index in range(5):
        store.keep(stored(variant=str(index), body_id=f"h.{index}"), {f"h.{index}": b"abc"})
    assert [one.selecting[0][1] for one in store.look_up("http://a/x")] == ["2", "3", "4"]
    await store.close()


async def test_what_is_forgotten_is_gone(store):
    one = stored()
    store.keep(one, {"b.1": b"abc"})
    store.forget(one.key)
    assert store.look_up(one.key) == store.look_deeper(one.key) == ()


async def test_a_restart_on_the_same_folder_finds_what_was_kept(tmp_path):
    first = await opened(tmp_path)
    small = stored("http://a/s", first.new_body_id("http://a/s"))
    large = stored("http://a/l", first.new_body_id("http://a/l"), 3 * SEGMENT + 5)
    body = os.urandom(3 * SEGMENT + 5)
    first.keep(small, {small.forms[0].body_id: b"abc"})
    first.keep(large, {large.forms[0].body_id: body})
    await first.close()
    second = await opened(tmp_path)
    assert second.look_up(small.key) == (small,)
    assert await everything(second, small) == b"abc"
    assert await everything(second, large) == body
    part = b"".join([data async for data in second.read(large, large.forms[0], SEGMENT - 3, 2 * SEGMENT + 4)])
    assert part == body[SEGMENT - 3 : 2 * SEGMENT + 4]
    await second.close()


async def test_a_body_that_came_by_segments_is_kept_without_passing_ram(tmp_path):
    store = await opened(tmp_path)
    body_id = store.new_body_id("http://a/x")
    assert await store.segments.write(body_id, 0, b"a" * SEGMENT)
    assert await store.segments.write(body_id, 1, b"b" * 10)
    one = stored(body_id=body_id, length=SEGMENT + 10)
    store.keep(one, {})
    assert await everything(store, one) == b"a" * SEGMENT + b"b" * 10
    await store.close()


async def test_a_lost_segment_is_told_and_counted(tmp_path):
    store = await opened(tmp_path)
    one = stored(body_id="h.lost", length=3 * SEGMENT)
    store.keep(one, {})
    with pytest.raises(SegmentLost):
        _ = [data async for data in store.read(one, one.forms[0], 0, 3 * SEGMENT)]
    assert store.counts.faults["segment"] == 1
    await store.close()


async def test_a_changed_octet_on_disk_is_never_served(tmp_path):
    store = await opened(tmp_path)
    one = stored(body_id="h.1", length=SEGMENT)
    store.keep(one, {"h.1": b"x" * SEGMENT})
    await store.close()
    (file,) = (tmp_path / "store").glob("??/*.val")
    octets = bytearray(file.read_bytes())
    octets[1000] ^= 1
    file.write_bytes(octets)
    again = await opened(tmp_path)
    assert again.look_up(one.key) == (one,)
    assert await everything(again, one) is None
    await again.close()


@pytest.mark.parametrize(
    ("column", "value"), [("mode", 4), ("raw", 0)], ids=["a pickled value", "a pickled key"]
)
async def test_a_row_that_was_tampered_with_is_not_unpickled(tmp_path, column, value):
    store = await opened(tmp_path)
    store.keep(stored(), {"b.1": b"abc"})
    await store.close()
    with sqlite3.connect(tmp_path / "store" / "cache.db") as database:
        database.execute(f"UPDATE Cache SET {column} = {value}, value = x'80049529'")
    again = await opened(tmp_path)
    assert again.look_up("http://a/x") == ()
    await again.close()


def test_the_disk_refuses_everything_but_octets(tmp_path):
    disk = RawDisk(str(tmp_path), min_file_size=10)
    for wrong in (bytearray(b"x"), "text", None, 1, {}):
        with pytest.raises(NotOctets):
            disk.store(wrong, False)
    for key in (b"x", 1, None, ("a",)):
        with pytest.raises(NotOctets):
            disk.put(key)


async def test_the_budget_of_the_disk_is_kept_and_what_is_read_stays(tmp_path, everything_is_admitted):
    budget = 8 * 2**20
    store = await opened(tmp_path, ram=2**17, disk=budget)
    body = os.urandom(40_000)
    for index in range(600):
        one = stored(f"http://a/{index}", store.new_body_id(f"http://a/{index}"), len(body))
        store.keep(one, {one.forms[0].body_id: body})
        store.disk.visit("http://a/7")
        if index % 20 == 0:
            await settled(store)
    await settled(store)
    assert store.disk.eviction.used <= budget * 1.05
    assert store.disk.get("http://a/7")
    assert store.disk.eviction.evicted > 100
    await store.close()


async def test_two_workers_share_what_either_writes(tmp_path):
    one, other = await opened(tmp_path), TieredStore(settings(), tmp_path, worker=1)
    await other.start()
    first = stored(received=1000.0, body_id="h.1")
    one.keep(first, {"h.1": b"old"})
    await settled(one)
    assert other.look_up(first.key) == (first,)
    assert other.body(first, first.forms[0]) == b"old"
    newer = stored(received=2000.0, body_id="h.2")
    one.keep(newer, {"h.2": b"new"})
    await settled(one)
    assert other.look_up(first.key) == (first,)
    assert other.look_deeper(first.key) == (newer,)
    assert other.body(newer, newer.forms[0]) == b"new"
    await one.close()
    await other.close()


async def test_what_ram_has_of_later_is_not_replaced_by_what_another_worker_writes(tmp_path):
    one, other = await opened(tmp_path), await opened(tmp_path, worker=1)
    newer, older = stored(received=2000.0, body_id="h.2"), stored(received=1000.0, body_id="h.1")
    one.keep(newer, {"h.2": b"new"})
    await settled(one)
    other.disk.put(older.key, (older,), ())
    await settled(other)
    assert one.look_deeper(newer.key) == (newer,)
    await one.close()
    await other.close()


async def test_variants_that_several_workers_keep_do_not_push_each_other_out(tmp_path):
    one, other = await opened(tmp_path), await opened(tmp_path, worker=1)
    first = stored(variant="de", body_id="h.1")
    one.keep(first, {"h.1": b"deu"})
    await settled(one)
    second = stored(variant="fr", body_id="h.2")
    other.keep(second, {"h.2": b"fra"})
    await settled(other)
    again = stored(variant="de", body_id="h.3", received=2000.0)
    one.keep(again, {"h.3": b"DEU"})
    await settled(one)
    assert set(one.look_deeper(first.key)) == {again, second}
    assert await everything(one, second) == b"fra"
    await one.close()
    await other.close()


async def test_a_lost_body_takes_only_its_own_response_along(store):
    one, newer = stored(body_id="h.1", length=SEGMENT), stored(received=2000.0, body_id="h.2")
    store.keep(newer, {"h.2": b"abc"})
    with pytest.raises(SegmentLost):
        _ = [data async for data in store.read(one, one.forms[0], 0, SEGMENT)]
    assert store.look_up(one.key) == (newer,)


async def test_keeping_counts_neither_as_a_hit_nor_as_a_miss(store):
    store.keep(stored(), {"b.1": b"abc"})
    store.keep(stored(), {"b.1": b"abc"})
    store.forget(stored().key)
    assert (store.counts.ram_hits, store.counts.disk_hits, store.counts.misses) == (0, 0, 0)


async def test_a_form_made_later_stands_beside_the_first(store):
    one = stored()
    store.keep(one, {"b.1": b"abc"})
    coded = Form("br", "b.1-br", 2, ((0, 2),))
    store.keep(replace(one, forms=(*one.forms, coded)), {"b.1-br": b"zz"})
    (found,) = store.look_up(one.key)
    assert store.body(found, coded) == b"zz"
    assert store.body(found, found.forms[0]) == b"abc"


async def test_a_body_that_is_being_read_is_not_evicted_under_its_reader(tmp_path, everything_is_admitted):
    store = await opened(tmp_path, ram=2**17, disk=8 * 2**20)
    body = os.urandom(2**20)
    first = stored("http://a/0", store.new_body_id("http://a/0"), len(body))
    store.keep(first, {first.forms[0].body_id: body})
    await settled(store)
    reading = store.read(first, first.forms[0], 0, len(body))
    got = await anext(reading)
    for index in range(1, 40):
        one = stored(f"http://a/{index}", store.new_body_id(f"http://a/{index}"), len(body))
        store.keep(one, {one.forms[0].body_id: body})
        await settled(store)
    assert store.disk.eviction.evicted > 10
    async for data in reading:
        got += data
    assert got == body
    await store.close()


async def test_the_budget_is_kept_though_everything_has_just_been_written(tmp_path):
    budget = 8 * 2**20
    store = await opened(tmp_path, ram=2**17, disk=budget)
    highest = 0
    for number in range(40):
        key = f"http://a/{number}"
        body_id = store.new_body_id(key)
        for index in range(8):
            assert await store.segments.write(body_id, index, b"x" * SEGMENT)
        store.keep(stored(key, body_id, 8 * SEGMENT), {})
        await settled(store)
        highest = max(highest, store.disk.eviction.measure())
    assert highest <= budget * 1.05
    await store.close()


async def test_a_scan_of_one_hit_objects_flushes_the_hot_set_from_neither_store(tmp_path):
    store = await opened(tmp_path, ram=2**20, disk=2**23)
    hot = [f"hot{n}" for n in range(100)]
    for key in hot:
        filled(store, key, 15_000)
    await settled(store)
    missed = 0
    for n in range(1500):
        key = hot[n % 100]
        found = store.look_up(key)
        if not found or store.body(found[0], found[0].forms[0]) is None:
            missed += 1
            filled(store, key, 15_000)
        filled(store, f"scan{n}", 30_000)
        if n % 20 == 0:
            await settled(store)
    await settled(store)
    assert missed < 30, "of 1,500"
    assert store.disk.eviction.used <= 2**23 * 1.05
    assert store.disk.get("scan1499") == (), "a full store takes no large object at its first miss"
    await store.close()


async def test_what_is_read_from_disk_stands_in_ram_afterwards(tmp_path):
    store = await opened(tmp_path)
    one, body = filled(store, "k", 50_000)
    await settled(store)
    store.ram.drop("k")
    assert store.body(one, one.forms[0]) == body
    assert store.ram.peek("k").bodies == {one.forms[0].body_id: body}
    await store.close()
