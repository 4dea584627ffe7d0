"""Files of purge that are damaged: a node starts all the same where that is safe, and else says what to do."""

from __future__ import annotations

import sqlite3

import pytest

from httpcache.messages import PurgeMark
from httpcache.observe import metrics
from httpcache.purge.applied import Applied, open_applied
from httpcache.purge.keeper import LogKeeper
from httpcache.rules.decisions import Standing
from tests.purge.nodes import Admin, follower, until
from tests.purge.test_applied import tag
from tests.purge.test_feed import stored


def rubbish(path):
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    path.write_bytes(b"rubbish" * 2000)


def torn(path):
    """A hole in the middle of an otherwise good file."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))


@pytest.mark.parametrize("damage", [rubbish, torn])
async def test_a_node_whose_applied_orders_are_damaged_follows_from_the_end_and_proves_nothing(
    admin, tmp_path, damage
):
    one = follower(admin, tmp_path / "e", "edge-2")
    await one.start()
    held = stored(one.watermarks.mark)
    await admin.order("tag", "other")
    await one.close()
    damage(tmp_path / "e" / "purge" / "applied.db")
    counted = metrics.PURGE_DAMAGED._value.get()
    back = follower(admin, tmp_path / "e", "edge-2")
    await back.start()
    await until(lambda: back.is_following)
    assert back.watermarks.standing(held) is Standing.UNPROVEN
    assert metrics.PURGE_DAMAGED._value.get() == counted + 1
    assert (tmp_path / "e" / "purge" / "applied.db.damaged").exists()
    assert (await admin.order("tag", "news"))["confirmed"]
    assert back.watermarks.standing(held) is Standing.GONE
    await back.close()


def test_what_another_worker_has_made_anew_stays(tmp_path, monkeypatch):
    path = tmp_path / "applied.db"
    rubbish(path)
    one = open_applied(path, 100)
    one.adopt(PurgeMark(7, 0), 1)
    one.persist(7, 0, [(1, tag("a"))])
    load, calls = Applied.load, []

    def fails_once(applied):
        calls.append(applied)
        if len(calls) == 1:
            error = sqlite3.DatabaseError("file is not a database")
            error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
            raise error
        return load(applied)

    monkeypatch.setattr(Applied, "load", fails_once)
    assert open_applied(path, 100).load().mark == PurgeMark(7, 1)


async def test_a_damaged_log_stops_the_start_and_says_what_to_do(tmp_path):
    admin = await Admin(tmp_path / "keeper").start()
    await admin.stop()
    rubbish(tmp_path / "keeper" / "purge" / "log.db")
    keeper = LogKeeper(admin.settings, tmp_path / "keeper")
    with pytest.raises(sqlite3.Error, match=r"log\.db is damaged .*: move it away"):
        await keeper.start()


async def test_a_broken_file_of_nodes_enrols_nobody(tmp_path):
    """Who was in there would be forgotten, and their names be anybody's."""
    admin = await Admin(tmp_path / "keeper", purge={"heartbeat": 0.2}).start()
    one = follower(admin, tmp_path / "e1", "edge-1")
    await one.start()
    await one.close()
    await admin.stop()
    nodes = admin.folder / "keys" / "nodes.jwks"
    whole = nodes.read_text()
    nodes.write_text('{"keys": [')
    await admin.start()
    for folder, name in (("e2", "edge-2"), ("impostor", "edge-1")):
        other = follower(admin, tmp_path / folder, name)
        await other.start()
        assert not other.is_following and "enrolled" in other._complaint
        await other.close()
    assert nodes.read_text() == '{"keys": ['
    nodes.write_text(whole)
    back = follower(admin, tmp_path / "e1", "edge-1")
    await back.start()
    assert back.is_following
    await back.close()
    await admin.stop()
