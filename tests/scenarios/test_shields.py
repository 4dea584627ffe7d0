"""Several shields: each key has its own, another takes over for one that is down; the origin only where allowed."""

from __future__ import annotations

import asyncio

FRESH = {"Cache_Control": "max-age=600"}


async def test_each_key_has_its_own_shield_and_all_edges_agree(worlds):
    async with worlds(edges=2, shields=3) as world:
        for number in range(24):
            world.origin.answers(f"/{number}", b"x", **FRESH)
            for at in (0, 1):
                await world.get(f"/{number}", at=at)
        assert len(world.origin.requests) == 24
        assert all(len(shield.worker.store.ram) > 0 for shield in world.shields)


async def test_the_next_shield_takes_over_when_one_is_down_and_gives_way_when_it_is_back(worlds):
    async with worlds(shields=2, fetch={"down_for": 0.2}) as world:
        await world.shields[1].stop()
        for number in range(12):
            world.origin.answers(f"/{number}", b"x", **FRESH)
            assert (await world.get(f"/{number}")).body == b"x"
        health = world.edges[0].worker.tier.next_hop.health
        assert list(health._down) == [world.shields[1].url]
        await world.shields[1].start()
        async with asyncio.timeout(20):
            number = 100
            while health._down:
                world.origin.answers(f"/{number}", b"x", **FRESH)
                assert (await world.get(f"/{number}")).body == b"x"
                number += 1
                await asyncio.sleep(0.02)


async def test_the_origin_is_asked_itself_only_where_the_settings_say_so(worlds):
    for direct, status in ((False, 502), (True, 200)):
        async with worlds(origin_without_shield=direct) as world:
            world.origin.answers("/a", b"x", **FRESH)
            world.shield.worker._server.close()
            got = await world.get("/a")
            assert got.status == status
            if direct:
                assert got.body == b"x"
                assert world.origin.requests[-1].get("Edgeward-Purge-Mark") is None
                assert ";hit" in (await world.get("/a")).cache_status[-1]
