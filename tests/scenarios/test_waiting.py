"""Clients that wait for one fetch: each at its own pace, for one validation, and not longer than the settings say."""

from __future__ import annotations

import asyncio

from tests.scenarios.ranged import octets

LENGTH = 8_000_000
SHAPE = {
    "store": {"ram": "1MiB", "disk": "64MiB", "segment": "256KiB"},
    "fetch": {"held_in_ram": "1MiB"},
}


async def test_a_client_that_stalls_slows_nobody_and_pins_no_more_than_the_setting(worlds):
    async with worlds(tiers=1, **SHAPE) as world:
        body, gate = octets(3, LENGTH), asyncio.Event()
        world.origin.answers("/a", body, Cache_Control="max-age=60", body_gate=gate)
        host, port = world.edges[0].settings.listen.split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**16)
        writer.write(b"GET /a HTTP/1.1\r\nHost: site.example\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        (flight,) = world.edges[0].worker.tier.collapser._in_flight.values()
        arriving = flight.landed.result()[1].arriving
        others = [asyncio.create_task(world.get("/a")) for _ in range(3)]
        gate.set()
        for other in others:
            assert (await other).body == body
        assert await arriving.has_ended()
        assert sum(map(len, arriving._ram.values())) <= 2**20
        assert await reader.readexactly(LENGTH) == body, "the one that stalled gets every octet all the same"
        writer.close()
        assert len(world.origin.seen("/a")) == 1


async def test_many_clients_of_one_stale_object_cost_one_validation(worlds):
    async with worlds(tiers=2, edges=3) as world:
        world.origin.answers("/a", b"once", Cache_Control="max-age=10", ETag='"1"')
        await asyncio.gather(*(world.get("/a", at=edge) for edge in range(3)))
        world.pass_time(20)
        gate = asyncio.Event()
        world.origin.answers("/a", b"once", Cache_Control="max-age=10", ETag='"1"', gate=gate)
        asking = [asyncio.create_task(world.get("/a", at=number % 3)) for number in range(30)]
        await world.origin.has_seen("/a", 2)
        async with asyncio.timeout(10):
            while sum(node.worker.tier.collapser.waiting for node in world.nodes) < 29:
                await asyncio.sleep(0.005)
        gate.set()
        assert {(one.status, one.body) for one in await asyncio.gather(*asking)} == {(200, b"once")}
        assert [one.get("If-None-Match") for one in world.origin.seen("/a")] == [None, '"1"']


async def test_nobody_waits_longer_for_anothers_fetch_than_the_setting(worlds):
    async with worlds(tiers=1, fetch={"longest_wait": 0.05}) as world:
        gates = [asyncio.Event(), asyncio.Event()]
        gates[1].set()
        lines = [
            world.origin.answers("/a", b"x" * 10, Cache_Control="max-age=60", gate=gate) for gate in gates
        ]
        world.origin.does("/a", lambda _: lines.pop(0) if len(lines) > 1 else lines[0])
        leader = asyncio.create_task(world.get("/a"))
        await world.origin.has_seen("/a", 1)
        assert (await world.get("/a")).body == b"x" * 10
        assert not leader.done(), "it went forward by itself"
        gates[0].set()
        assert (await leader).body == b"x" * 10
