"""What is known to be on disk: a key that has a record there is never taken for one that has none."""

from __future__ import annotations

import pytest

from httpcache.store import known
from httpcache.store.database import Database
from httpcache.store.records import record_name
from tests.store.opening import filled, opened, settled


@pytest.fixture
def looks(monkeypatch):
    """Names that the database is asked for."""
    asked = []
    real = Database.value
    monkeypatch.setattr(Database, "value", lambda self, name: asked.append(name) or real(self, name))
    return asked


async def test_for_what_was_never_stored_the_database_is_not_asked(tmp_path, looks):
    store = await opened(tmp_path)
    await settled(store)
    assert store.look_up("http://a/never") == ()
    one, _ = filled(store, "http://a/new", 100)
    assert looks == []
    await settled(store)
    assert store.disk.get("http://a/new") == (one,)
    assert looks == [record_name("http://a/new")]
    await store.close()


async def test_after_a_restart_all_that_is_stored_is_found(tmp_path, looks):
    store = await opened(tmp_path)
    for number in range(30):
        filled(store, f"http://a/{number}", 100)
    await store.close()
    store = await opened(tmp_path)
    assert all(store.look_up(f"http://a/{number}") for number in range(30))
    await settled(store)
    assert all(store.look_up(f"http://a/{number}") for number in range(30))
    looks.clear()
    assert store.look_up("http://a/never") == ()
    assert looks == []
    await store.close()


async def test_records_are_noted_page_by_page(tmp_path, monkeypatch):
    monkeypatch.setattr(known, "PAGE", 7)
    store = await opened(tmp_path)
    for number in range(30):
        filled(store, f"http://a/{number}", 100)
    await store.close()
    store = await opened(tmp_path)
    await settled(store)
    assert all(store.look_up(f"http://a/{number}") for number in range(30))
    await store.close()


async def test_what_one_worker_writes_another_finds(tmp_path, looks):
    first = await opened(tmp_path)
    await settled(first)
    second = await opened(tmp_path, worker=1)
    assert second.look_up("http://a/x") == ()
    assert looks == []
    filled(first, "http://a/x", 100)
    await settled(first)
    assert second.look_up("http://a/x")
    filled(second, "http://a/y", 100)
    await second.disk.written()
    assert first.disk.get("http://a/y")
    await second.close()
    await first.close()


async def test_a_worker_that_comes_later_forgets_nothing_of_what_others_have_noted(tmp_path):
    first = await opened(tmp_path)
    await settled(first)
    filled(first, "http://a/x", 100)
    await settled(first)
    for worker in (1, 0):
        later = await opened(tmp_path, worker=worker)
        assert later.look_up("http://a/x")
        await later.close()
    await first.close()


async def test_before_all_is_noted_every_key_may_be_there(tmp_path, looks):
    store = await opened(tmp_path, worker=1)  # nobody notes what stands there already
    store.look_up("http://a/never")
    assert looks == [record_name("http://a/never")]
    await store.close()


async def test_where_the_table_cannot_be_shared_every_key_may_be_there(tmp_path, looks):
    (tmp_path / "known").mkdir()
    store = await opened(tmp_path)
    await settled(store)
    store.look_up("http://a/never")
    assert looks == [record_name("http://a/never")]
    await store.close()
