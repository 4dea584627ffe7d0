"""The budget of a disk: lowered for a while when the disk is full before that, and no further than helps."""

from __future__ import annotations

import errno
import os
import sqlite3

import pytest

from httpcache.store import budget
from httpcache.store.budget import FULL_FOR, Budget, is_full
from tests.store.opening import SEGMENT, filled, full_disk, opened, settled


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    monkeypatch.setattr(budget, "monotonic", lambda: Clock.now)
    return Clock


def test_a_full_disk_lowers_it_for_a_while(clock):
    room = Budget(1000)
    room.give_way(400)
    assert room.now == 1000
    room.note_full()
    room.give_way(400)
    assert room.now == 380
    clock.now += FULL_FOR + 1
    assert room.now == 1000


def test_each_write_that_finds_it_full_again_lowers_it_further_and_to_half_at_the_most(clock):
    room = Budget(1000)
    told = []
    for _ in range(20):
        room.note_full()
        room.give_way(400)
        told.append(room.now)
    assert told[:3] == [380, 360, 340] and told[-1] == 200


def test_while_no_write_is_done_a_disk_that_stays_full_does_not_empty_the_store(clock):
    room = Budget(1000)
    for used in (400, 200, 200):
        for _ in range(20):
            room.note_full()
            room.give_way(used)
        assert room.now == 200
        clock.now += FULL_FOR + 1
    room.note_written()
    room.note_full()
    room.give_way(200)
    assert room.now == 190


def test_what_another_worker_found_full_is_heard_by_the_one_that_evicts(clock, tmp_path):
    one, other = Budget(1000, tmp_path), Budget(1000, tmp_path)
    other.note_full()
    one.give_way(400)
    assert other.now == one.now == 380


def test_a_time_from_before_the_machine_was_started_says_nothing(clock, tmp_path):
    room = Budget(1000, tmp_path)
    room.note_full()
    room.give_way(400)
    clock.now = 10.0
    assert Budget(1000, tmp_path).now == 1000


def test_the_ballast_is_given_back_while_the_disk_is_full(clock, tmp_path):
    room = Budget(2**30, tmp_path)
    room.give_way(0)
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= 2**22
    room.note_full()
    room.give_way(400)
    assert not (tmp_path / "ballast").exists()
    clock.now += FULL_FOR + 1
    room.note_written()
    room.give_way(400)
    assert (tmp_path / "ballast").exists()


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (OSError(errno.EIO, "Input/output error"), False),
        (sqlite3.OperationalError("disk I/O error"), False),
        (ValueError("no"), False),
    ],
)
def test_what_says_that_there_is_no_room(error, full):
    assert is_full(error) is full


async def test_a_disk_that_was_full_takes_what_comes_once_something_has_gone(
    tmp_path, everything_is_admitted
):
    store = await opened(tmp_path, ram=2**16)
    for n in range(20):
        filled(store, f"old{n}", SEGMENT)
    await settled(store)
    before = store.disk.eviction.used
    with full_disk():
        filled(store, "lost", SEGMENT)
        await settled(store)
    assert store.disk.eviction.used < before and store.disk.eviction.evicted > 0
    one, body = filled(store, "new", SEGMENT)
    await settled(store)
    assert await store.whole(one, one.forms[0]) == body
    await store.close()


async def test_what_is_counted_of_files_is_what_the_disk_gives_them(tmp_path):
    store = await opened(tmp_path)
    for n in range(50):
        filled(store, f"k{n}", 33_000)
    await settled(store)
    files = sum(os.stat(one).st_blocks * 512 for one in (tmp_path / "store").glob("??/*.val"))
    assert files == 50 * 36_864
    assert files <= store.disk.eviction.used <= files + 2**17
    await store.close()
