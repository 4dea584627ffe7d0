"""What a hard order wants gone gives its space back, in RAM and on disk, and nothing else goes with it."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenarios.test_purge import purge

QUICKLY = {"give_back_after": 0.05}


def on_disk(node):
    """Records and segments that stand in a node's database."""
    connection = node.worker.store.disk._database.connection()
    return {name for (name,) in connection.execute("SELECT key FROM Cache")}


async def fill(world, tags, size):
    for number, tag in enumerate(tags):
        world.origin.answers(f"/{number}", b"x" * size, Cache_Control="max-age=600", Surrogate_Key=tag)
        await world.get(f"/{number}")
    for node in world.nodes:
        async with asyncio.timeout(10):
            while len(on_disk(node)) < 2 * len(tags):
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("size", [100, 100_000], ids=["in the database", "in files"])
async def test_what_is_gone_gives_its_space_back_and_the_rest_stays(worlds, size):
    async with worlds(purge=QUICKLY) as world:
        await fill(world, ["news", "other", "news", "other"], size)
        for node in world.nodes:
            # A body that was written a moment ago counts as being read, and would stay for a while.
            node.worker.store.disk.eviction._held[:] = bytes(len(node.worker.store.disk.eviction._held))
        await purge(world, "tag", "news")
        for node in world.nodes:
            async with asyncio.timeout(10):
                while len(on_disk(node)) > 4 or len(node.worker.store.ram) > 2:
                    await asyncio.sleep(0.01)
        asked = len(world.origin.requests)
        assert ";hit" in (await world.get("/1")).cache_status[-1]
        assert ";hit" in (await world.get("/3")).cache_status[-1]
        assert len(world.origin.requests) == asked


async def test_a_soft_order_gives_nothing_back(worlds):
    async with worlds(purge=QUICKLY, tiers=1) as world:
        await fill(world, ["news", "other"], 100)
        (node,) = world.edges
        node.worker.store.disk.eviction._held[:] = bytes(len(node.worker.store.disk.eviction._held))
        before = on_disk(node)
        await purge(world, "tag", "news", soft=True)
        await purge(world, "tag", "other")
        async with asyncio.timeout(10):
            while len(on_disk(node)) == len(before):  # the hard order tells when all has been looked through
                await asyncio.sleep(0.01)
        assert node.worker.store.disk.get("http://site.example/0")
        assert not node.worker.store.disk.get("http://site.example/1")


async def test_what_has_taken_the_place_of_what_was_read_stays(worlds):
    async with worlds(tiers=1, purge={"give_back_after": 0}) as world:
        await fill(world, ["news"], 100)
        giving = world.edges[0].worker.store.disk.giving
        page = await asyncio.to_thread(giving.read, 0, 10)
        await purge(world, "tag", "news")
        world.origin.answers("/0", b"new", Cache_Control="max-age=600", Surrogate_Key="news")
        await world.get("/0")
        giving.remove(page.rows)
        await world.edges[0].restart()
        asked = len(world.origin.requests)
        assert (await world.get("/0")).body == b"new"
        assert len(world.origin.requests) == asked
