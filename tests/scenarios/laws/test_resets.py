"""A log that is lost or trimmed while a fetch is under way: whatever was ordered meanwhile, nobody gets the old."""

from __future__ import annotations

import asyncio

import pytest

from httpcache import clock
from httpcache.purge.client import send_order
from httpcache.purge.keys import load_private_key
from httpcache.purge.tokens import order_token
from tests.purge.asking import ask
from tests.purge.nats_server import needs_nats
from tests.purge.nodes import until
from tests.scenarios.laws.conftest import OnNats
from tests.scenarios.laws.test_purge_laws import URL, Gate
from tests.scenarios.world import World

pytestmark = needs_nats

FIELDS = [
    ("stored", {"Cache_Control": "max-age=600"}),
    ("not stored", {"Cache_Control": "no-store"}),
]


@pytest.mark.parametrize("fields", [row[1] for row in FIELDS], ids=[row[0] for row in FIELDS])
@pytest.mark.parametrize("lost", ["compacted", "another epoch"])
async def test_a_fetch_under_way_when_the_log_is_reset_is_asked_again(tmp_path, nats_server, lost, fields):
    bus = OnNats(nats_server.url, f"test-{clock.monotonic()}".replace(".", "-"))
    limits = {"heartbeat": 0.2, "lag_limit": 30.0}
    async with World(tmp_path, bus=bus, tiers=1, edges=2, linked=True, purge=limits) as world:
        edge, other = world.edges
        await until(lambda: other.keeper.ledger.knows("edge-1"), 20)
        key = load_private_key(world.operator_key)

        async def order(kind, target):
            return await send_order(other.admin_url, key, {"kind": kind, "targets": [target]}, 0.1)

        gate = Gate(world, "/a", b"old", **fields)
        waiting = asyncio.create_task(world.get("/a"))
        await gate.is_asked()
        world.link.cut()
        await until(lambda: edge.keeper.feed._behind() > 0.6, 20)
        if lost == "another epoch":
            await bus._do(lambda manager: manager.delete_stream(f"{bus.name}-orders"))
            before = other.keeper.door.log.epoch
            await until(lambda: other.keeper.door.log.epoch != before, 20)
            await until(lambda: other.worker.follower.is_following, 20)
        await order("url", URL)
        last = await order("tag", "x")
        if lost == "compacted":
            await bus.compact(world)
        world.link.mend()

        async def is_confirmed():
            token = order_token(key, b"", "edgeward", clock.now())
            return (await ask("GET", f"{other.admin_url}/v1/purges/{last['id']}?wait=20", token))[1][
                "confirmed"
            ]

        assert await is_confirmed()
        world.origin.answers("/a", b"new", **fields)
        gate.let_go()
        assert (await waiting).body == b"new"
        assert (await world.get("/a")).body == b"new"
