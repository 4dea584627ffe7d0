"""The database may be damaged, locked or not ours: a node starts all the same, and what it answers is right."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from httpcache.store import database
from httpcache.store.raw_disk import RawDisk
from tests.store.opening import SEGMENT, filled, opened, settled
from tests.store.things import stored


async def make(folder, count: int = 6) -> dict[str, tuple[object, bytes]]:
    """A folder of stored responses of several sizes, closed again."""
    store = await opened(folder)
    made = {f"k{n}": filled(store, f"k{n}", (10, 40_000, SEGMENT + 5)[n % 3]) for n in range(count)}
    await store.close()
    return made


@pytest.mark.parametrize("octets", [b"", b"no database at all" * 500], ids=["an empty file", "another file"])
async def test_a_store_begins_anew_where_its_database_is_none_and_says_so(tmp_path, octets, caplog):
    await make(tmp_path)
    (tmp_path / "store" / "cache.db").write_bytes(octets)
    store = await opened(tmp_path)
    if octets:  # of an empty file, SQLite makes a database
        assert store.counts.faults["open"] == 1
        assert "set aside" in caplog.text
    assert store.look_up("k0") == ()
    filled(store, "k0", 10)
    await settled(store)
    assert store.disk.get("k0")
    assert not (tmp_path / "store.damaged").exists(), "what was set aside is removed behind the start"
    await store.close()


async def test_a_database_with_other_tables_is_set_aside(tmp_path):
    (tmp_path / "store").mkdir()
    with sqlite3.connect(tmp_path / "store" / "cache.db") as other:
        other.execute("CREATE TABLE Cache (something TEXT)")
    other.close()
    store = await opened(tmp_path)
    one, _ = filled(store, "k", 10)
    await settled(store)
    assert store.disk.get("k") == (one,)
    await store.close()


async def test_damage_met_while_running_empties_the_store_at_the_next_start(tmp_path):
    await make(tmp_path)
    store = await opened(tmp_path)
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    store.disk._writer._batch.guarded("write", lambda: (_ for _ in ()).throw(error).throw(error))
    await store.close()
    again = await opened(tmp_path)
    assert again.look_up("k0") == ()
    await again.close()


async def test_a_store_that_another_worker_uses_is_not_set_aside(tmp_path):
    made = await make(tmp_path)
    one = await opened(tmp_path)
    (tmp_path / "damaged").touch()
    other = await opened(tmp_path, worker=1)
    assert other.look_up("k0") == one.look_up("k0") == (made["k0"][0],)
    await other.close()
    await one.close()


async def test_a_database_that_stays_locked_means_ram_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "WRITE_WAIT", 0.01)
    await make(tmp_path)
    lock = sqlite3.connect(tmp_path / "store" / "cache.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    store = await opened(tmp_path)
    one, body = filled(store, "k9", 10)
    assert store.disk is None
    assert store.counts.faults["open"] == 1
    assert store.body(one, one.forms[0]) == body
    lock.close()
    await store.close()


async def test_a_lock_taken_later_costs_writes_and_no_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "WRITE_WAIT", 0.01)
    made = await make(tmp_path)
    store = await opened(tmp_path)
    await settled(store)
    lock = sqlite3.connect(tmp_path / "store" / "cache.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    filled(store, "k9", 10)
    await settled(store)
    assert store.counts.faults["write"] >= 1
    assert store.look_up("k0") == (made["k0"][0],)
    lock.close()
    filled(store, "k8", 10)
    await settled(store)
    assert store.disk.get("k8")
    await store.close()


async def test_nobody_waits_twice_for_a_database_that_stays_locked(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "WRITE_WAIT", 0.01)
    store = await opened(tmp_path)
    await settled(store)
    batch, tried = store.disk._writer._batch, []
    really = batch._write
    monkeypatch.setattr(batch, "_write", lambda operations: (tried.append(operations), really(operations))[1])
    lock = sqlite3.connect(tmp_path / "store" / "cache.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    body_id = store.new_body_id("k")
    for index in range(5):
        assert not await store.segments.write(body_id, index, b"x" * SEGMENT)
    assert len(tried) == 1, "the first has shown that it is in vain"
    assert store.counts.faults["write"] == 5
    lock.close()
    assert await store.segments.write(body_id, 5, b"x" * SEGMENT)
    await store.close()


async def test_a_folder_that_vanishes_costs_only_later_hits(tmp_path):
    store = await opened(tmp_path, ram=2**24)
    await settled(store)
    shutil.rmtree(tmp_path / "store")
    one, body = filled(store, "k", 2 * SEGMENT)
    await settled(store)
    assert store.counts.faults["write"] >= 1
    assert store.body(one, one.forms[0]) == body, "RAM has it"
    assert not await store.segments.write(store.new_body_id("k2"), 0, b"x" * SEGMENT)
    await store.close()


async def test_a_folder_that_cannot_be_made_means_ram_alone(tmp_path):
    (tmp_path / "d").write_text("a file where the folder should be")
    store = await opened(tmp_path / "d")
    one, body = filled(store, "k", 10)
    assert store.body(one, one.forms[0]) == body
    await store.close()


async def test_values_that_change_places_are_not_served_for_each_other(tmp_path):
    made = await make(tmp_path)
    rows = sqlite3.connect(tmp_path / "store" / "cache.db")
    names = [name for (name,) in rows.execute("SELECT filename FROM Cache WHERE filename IS NOT NULL")]
    for old, new in zip(names, names[1:] + names[:1], strict=True):
        rows.execute("UPDATE Cache SET filename = ? WHERE filename = ?", (f"-{new}", old))
    rows.execute("UPDATE Cache SET filename = substr(filename, 2) WHERE filename IS NOT NULL")
    rows.commit()
    rows.close()
    store = await opened(tmp_path)
    for key in ("k1", "k2", "k4", "k5"):
        one, _ = made[key]
        assert await store.whole(one, one.forms[0]) is None
    await store.close()


def test_no_file_but_our_own_is_read_or_removed_whatever_a_row_says(tmp_path):
    disk = RawDisk(str(tmp_path / "store"), min_file_size=10)
    other = tmp_path / "precious"
    other.write_bytes(b"precious")
    for name in ("../precious", str(other), "ab/../../precious"):
        disk.remove(name)
        with pytest.raises(ValueError, match="not octets"):
            disk.fetch(2, name, None, False)
    assert other.read_bytes() == b"precious"


@pytest.mark.slow
def test_any_octets_of_the_folder_may_change_and_nothing_wrong_is_served(tmp_path):
    made = asyncio.run(make(tmp_path / "whole"))
    files = sorted(
        path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*") if path.is_file()
    )
    files = [path for path in files if path.name == "cache.db" or path.suffix == ".val"]

    @settings(max_examples=80, deadline=None)
    @given(st.sampled_from(files), st.floats(0, 1), st.binary(min_size=1, max_size=64), st.booleans())
    def spoil(path, where, octets, cut):
        folder = tmp_path / "spoiled"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "whole", folder)
        size = (folder / path).stat().st_size
        with open(folder / path, "r+b") as file:
            file.seek(int(where * max(size - len(octets), 0)))
            if cut:
                file.truncate()
            else:
                file.write(octets)
        asyncio.run(read_all(folder))

    async def read_all(folder):
        store = await opened(folder)
        for key, (one, body) in made.items():
            assert store.look_up(key) in ((), (one,))
            assert await store.whole(one, one.forms[0]) in (None, body)
        filled(store, "new", os.urandom(1)[0])
        await store.close()

    spoil()


async def test_a_record_that_is_not_what_was_written_is_dropped_and_counted(tmp_path):
    await make(tmp_path)
    rows = sqlite3.connect(tmp_path / "store" / "cache.db")
    rows.execute("UPDATE Cache SET value = zeroblob(length(value)) WHERE key GLOB '*.h'")
    rows.commit()
    rows.close()
    store = await opened(tmp_path)
    assert store.look_up("k0") == ()
    assert store.counts.faults["record"] == 1
    await settled(store)
    assert store.look_up("k0") == ()
    assert store.counts.faults["record"] == 1
    assert store.look_up(stored().key) == ()
    await store.close()
