"""What several processes do to one data folder: workers share it, kill -9 leaves orphans, the next start sweeps."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from httpcache.store.folder import lock_data_folder
from httpcache.store.tiered import TieredStore
from tests.store.opening import SEGMENT, filled, opened, settings, settled
from tests.store.things import stored

EVICTOR = """
import asyncio, sys
from pathlib import Path
from tests.store.opening import opened
async def main():
    store = await opened(Path(sys.argv[1]), disk=int(sys.argv[2]))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await store.close()
    print(store.disk.eviction.evicted, flush=True)
asyncio.run(main())
"""

KEEPER = """
import asyncio, hashlib, itertools, sys
from pathlib import Path
from tests.store.opening import opened, settled
from tests.store.things import stored
async def main():
    store = await opened(Path(sys.argv[1]), disk=2**22, ram=0)
    print("ready", flush=True)
    for n in itertools.count():
        key = f"k{n % 60}"
        length = n * 7919 % 200_000
        one = stored(key, store.new_body_id(key), length, received=float(n))
        body = hashlib.shake_128(one.forms[0].body_id.encode()).digest(length)
        store.keep(one, {one.forms[0].body_id: body})
        if n % 7 == 0:
            store.forget(f"k{n % 50}")
            await settled(store)
        print(n, flush=True)
asyncio.run(main())
"""


@contextlib.contextmanager
def process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that has said that it is ready; killed at the end."""
    started = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stdout.readline() == "ready\n"
        yield started
    finally:
        started.kill()
        started.wait()
        started.stdin.close()
        started.stdout.close()


@pytest.mark.slow
async def test_the_worker_that_evicts_keeps_the_budget_for_another_that_writes(
    tmp_path, everything_is_admitted
):
    budget = 6 * 2**20
    with process(EVICTOR, tmp_path, budget) as evictor:
        store = await opened(tmp_path, disk=budget, ram=2**17, worker=1)
        highest = 0
        for n in range(250):
            filled(store, f"k{n}", 40_000)
            if n % 20 == 0:
                await settled(store)
                highest = max(highest, store.disk.eviction.measure())
        await settled(store)
        assert budget * 0.8 < highest <= budget * 1.05
        await store.close()
        told, _ = evictor.communicate(timeout=20)
    assert int(told) > 50


async def test_where_nobody_evicts_others_stop_writing_at_the_budget(
    tmp_path, monkeypatch, everything_is_admitted
):
    monkeypatch.setattr("httpcache.store.writer.ROOM_WAIT", 0.0)
    budget = 4 * 2**20
    store = await opened(tmp_path, disk=budget, ram=0, worker=1)
    for n in range(150):
        filled(store, f"k{n}", 40_000)
        if n % 10 == 0:
            await settled(store)
    await settled(store)
    assert store.disk.eviction.measure() <= budget * 1.05
    assert store.counts.refused > 0
    await store.close()


@pytest.mark.slow
async def test_killed_at_any_moment_a_node_finds_only_what_is_right_and_sweeps_the_rest(tmp_path):
    chance = random.Random(7)
    for _ in range(6):
        with process(KEEPER, tmp_path) as keeper:
            for _ in range(chance.randrange(5, 300)):
                keeper.stdout.readline()
        with lock_data_folder(tmp_path):
            store = await opened_later(tmp_path, disk=2**22, ram=0)
            found = sum([await is_right(store, f"k{n}") for n in range(60)])
            assert found > 0
            await store.close()
            assert orphans(tmp_path) == []


async def is_right(store, key: str) -> bool:
    """Whether anything stands under a key; what stands must be what its body's name says."""
    for one in store.look_up(key):
        body = await store.whole(one, one.forms[0])
        name = one.forms[0].body_id
        assert body in (None, hashlib.shake_128(name.encode()).digest(one.forms[0].length))
        return True
    return False


def orphans(folder: Path) -> list[str]:
    """Files in the store that nobody would ever remove."""
    with contextlib.closing(sqlite3.connect(folder / "store" / "cache.db")) as database:
        known = {name for (name,) in database.execute("SELECT filename FROM Cache")}
    files = {f"{path.parent.name}/{path.name}" for path in (folder / "store").glob("??/*.val")}
    return sorted(files - known)


async def orphaned(folder: Path, worker: int = 0) -> tuple[object, str]:
    """A response that is kept, and a body without a record, as a killed node leaves them."""
    store = await opened(folder, worker=worker)
    kept, _ = filled(store, "kept", SEGMENT)
    orphan = store.new_body_id("gone")
    assert await store.segments.write(orphan, 0, b"o" * SEGMENT)
    assert await store.segments.write(orphan, 7, b"o" * SEGMENT)
    await store.close()
    return kept, orphan


async def test_orphans_of_a_killed_node_are_swept_and_the_rest_stays(tmp_path):
    kept, orphan = await orphaned(tmp_path)
    stray = tmp_path / "store" / "ab" / "stray.val"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"?")
    os.utime(stray, (1, 1))
    store = await opened_later(tmp_path)
    assert await store.segments.read(orphan, 0) is None
    assert await store.segments.read(orphan, 7) is None
    assert not stray.exists()
    assert len(await store.whole(kept, kept.forms[0])) == SEGMENT
    assert store.counts.faults["orphans"] == 2
    await store.close()


async def opened_later(folder: Path, **more) -> TieredStore:
    """A store that was opened a minute from now: what stands in the folder is of an earlier run."""
    store = TieredStore(settings(**more), folder)
    store.disk._started += 60
    await store.start()
    await settled(store)
    return store


async def test_a_worker_that_is_started_again_spares_what_others_are_fetching(tmp_path):
    with lock_data_folder(tmp_path):
        os.utime(tmp_path / "lock", (1, 1))  # the node has been up for long
        _, arriving = await orphaned(tmp_path, worker=1)
        again = await opened(tmp_path)
        await settled(again)
        assert await again.segments.read(arriving, 0) == b"o" * SEGMENT
        await again.close()


async def test_a_body_that_arrives_while_the_sweep_runs_is_no_orphan(tmp_path):
    store = await opened(tmp_path)
    body_id = store.new_body_id("k")
    assert await store.segments.write(body_id, 0, b"x" * 10)
    await settled(store)
    store.keep(stored("k", body_id, 10), {})
    await settled(store)
    assert await store.segments.read(body_id, 0) == b"x" * 10
    await store.close()
