"""A disk store that somebody keeps locked at the start is used once it can be, and brings back nothing older."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from httpcache.store import database, late_disk
from tests.store.opening import SEGMENT, filled, opened, settled


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(late_disk, "AGAIN", 0.01)
    monkeypatch.setattr(database, "WRITE_WAIT", 0.02)


def locked(folder) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "store" / "cache.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


async def until_adopted(store) -> None:
    async with asyncio.timeout(20):
        while store.disk is None:
            await asyncio.sleep(0.01)
    await settled(store)


async def test_it_is_opened_once_it_can_be_and_what_it_has_is_found(tmp_path):
    store = await opened(tmp_path)
    one, body = filled(store, "kept", 2 * SEGMENT)
    await settled(store)
    await store.close()
    lock = locked(tmp_path)
    store = await opened(tmp_path)
    assert store.disk is None and store.look_up("kept") == ()
    assert store.counts.faults["open"] >= 1
    lock.close()
    await until_adopted(store)
    assert store.look_up("kept") == (one,)
    assert await store.whole(one, one.forms[0]) == body
    other, body = filled(store, "new", 2 * SEGMENT)
    await settled(store)
    store.ram.drop("new")
    assert await store.whole(other, other.forms[0]) == body
    await store.close()


async def test_what_was_stored_or_forgotten_meanwhile_does_not_come_back_as_it_was(tmp_path):
    store = await opened(tmp_path)
    for key in ("replaced", "forgotten", "kept"):
        filled(store, key, 100)
    await settled(store)
    await store.close()
    lock = locked(tmp_path)
    store = await opened(tmp_path)
    newer, _ = filled(store, "replaced", 100, received=2000.0)
    filled(store, "forgotten", 100, received=2000.0)
    store.forget("forgotten")
    lock.close()
    await until_adopted(store)
    assert store.look_up("replaced") == (newer,)
    store.ram.drop("replaced")
    assert store.look_up("replaced") == () == store.look_up("forgotten")
    assert store.look_up("kept") != ()
    await store.close()


async def test_a_node_that_ends_before_has_nothing_left_to_do(tmp_path):
    store = await opened(tmp_path)
    await store.close()
    lock = locked(tmp_path)
    store = await opened(tmp_path)
    await store.close()
    assert store.disk is None
    lock.close()
