"""Plays of disks that fail beneath a node that runs: answers are right, or end before their time; the next is right."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
from pathlib import Path

import aiohttp
import pytest

from tests.store.opening import full_disk, settled

BODY = hashlib.shake_128(b"body").digest(3_000_000)
FIELDS = {"Cache_Control": "max-age=600", "ETag": '"1"'}
STORE = {"ram": "1MiB", "disk": "64MiB", "segment": "128KiB"}


def segments(node) -> list[Path]:
    """The files of segments, in their order."""
    folder = Path(node.settings.data_folder) / "store"
    with contextlib.closing(sqlite3.connect(folder / "cache.db")) as database:
        rows = database.execute("SELECT filename FROM Cache WHERE filename IS NOT NULL ORDER BY key")
        return [folder / name for (name,) in rows]


async def got_or_broken(world, target: str) -> bytes | None:
    """The body, or None where it ended before its time."""
    try:
        return (await world.get(target)).body
    except aiohttp.ClientPayloadError:
        return None


def flipped(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def halved(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("damage", [flipped, halved, Path.unlink], ids=["flipped", "cut", "gone"])
@pytest.mark.parametrize("which", [0, 11, 22], ids=["first", "in the middle", "last"])
async def test_a_segment_that_is_lost_ends_the_answer_or_costs_a_fetch_and_the_next_is_right(
    worlds, damage, which
):
    async with worlds(tiers=1, store=STORE) as world:
        world.origin.answers("/a", BODY, **FIELDS)
        assert (await world.get("/a")).body == BODY
        await settled(world.edges[0].worker.store)
        stored = segments(world.edges[0])
        assert len(stored) == 23
        damage(stored[which])
        assert await got_or_broken(world, "/a") in (BODY, None)
        assert (await world.get("/a")).body == BODY
        assert len([one for one in world.origin.seen("/a") if one.get("Range") is None]) == 2
        assert sum(world.edges[0].worker.store.counts.faults.values()) >= 1


async def test_a_data_folder_that_vanishes_costs_fetches_and_nothing_else(world):
    world.origin.answers("/a", BODY, **FIELDS)
    world.origin.answers("/small", b"s", **FIELDS)
    for target in ("/a", "/small"):
        await world.get(target)
    for node in world.nodes:
        shutil.rmtree(node.settings.data_folder, ignore_errors=True)
    for _ in range(3):
        assert await got_or_broken(world, "/a") in (BODY, None)
        assert (await world.get("/small")).body == b"s"
    world.origin.answers("/new", BODY[:500_000], **FIELDS)
    for _ in range(2):
        assert (await world.get("/new")).body == BODY[:500_000]


async def test_on_a_full_disk_everything_is_answered(world):
    with full_disk():
        for name in ("/a", "/b"):
            world.origin.answers(name, BODY, **FIELDS)
            world.origin.answers(f"{name}/small", b"s" * 1000, **FIELDS)
            assert (await world.get(name)).body == BODY
            assert await got_or_broken(world, name) in (
                BODY,
                None,
            )  # if it is just found that it was not written
            for _ in range(2):
                assert (await world.get(f"{name}/small")).body == b"s" * 1000
    assert all(node.worker.store.counts.faults for node in world.nodes)


async def test_while_another_holds_the_database_everything_is_answered(world):
    world.origin.answers("/a", BODY, **FIELDS)
    await world.get("/a")
    held = []
    for node in world.nodes:
        path = Path(node.settings.data_folder) / "store" / "cache.db"
        held.append(sqlite3.connect(path, isolation_level=None))
        held[-1].execute("BEGIN EXCLUSIVE")
    for number in range(3):
        world.origin.answers(f"/{number}", b"x" * 5000, **FIELDS)
        assert (await world.get(f"/{number}")).body == b"x" * 5000
        assert (await world.get("/a")).body == BODY
    for connection in held:
        connection.execute("ROLLBACK")
        connection.close()


async def test_a_body_larger_than_the_disk_is_passed_on_and_costs_nothing_that_is_stored(worlds):
    store = {"ram": 0, "disk": "2MiB", "segment": "64KiB"}
    fetch = {"held_in_ram": "128KiB"}
    async with worlds(tiers=1, store=store, fetch=fetch) as world:
        stored = world.edges[0].worker.store
        for number in range(10):
            world.origin.answers(f"/small/{number}", b"s" * 1000, **FIELDS)
            await world.get(f"/small/{number}")
        world.origin.answers("/known", BODY, **FIELDS)
        world.origin.answers("/unknown", BODY, chunked=True, **FIELDS)
        for target in ("/known", "/unknown"):
            assert (await world.get(target)).body == BODY
            await settled(stored)
            assert stored.disk.eviction.used < 2 * 2**20
        for number in range(10):
            await world.get(f"/small/{number}")
            assert len(world.origin.seen(f"/small/{number}")) == 1
