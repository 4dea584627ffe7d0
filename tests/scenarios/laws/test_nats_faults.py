"""A purge log on NATS in bad company: whatever somebody puts there and however slow it is, orders are what they say."""

from __future__ import annotations

import secrets

import msgspec
import pytest

from httpcache.purge.bus import nats
from httpcache.purge.bus_signed import Signed
from tests.purge.nats_server import needs_nats
from tests.purge.nodes import until
from tests.purge.test_shown_keys import showing
from tests.scenarios.laws.conftest import OnNats
from tests.scenarios.test_purge import purge

pytestmark = needs_nats


@pytest.fixture
def bus(nats_server):
    return OnNats(nats_server.url, f"test-{secrets.token_hex(6)}")


async def put(bus, node, value):
    """Put a value into the bucket in which nodes tell how far they are."""
    client = await nats.connect(bus.url)
    await (await client.jetstream().key_value(f"{bus.name}-nodes")).put(node, value)
    await client.close()


VALUES = [
    ("shows a key of an odd type", msgspec.msgpack.encode(Signed(showing({"kty": []}), b"{}"))),
    ("is rubbish", b"\xff" * 100),
    ("is a number", msgspec.msgpack.encode(5)),
]


@pytest.mark.parametrize("value", [row[1] for row in VALUES], ids=[row[0] for row in VALUES])
async def test_no_value_in_the_bucket_keeps_a_node_from_what_others_tell(worlds, bus, value):
    async with worlds(purge={"heartbeat": 0.2}) as world:
        for name in ("zz", "edge-9"):
            await put(bus, name, value)
        for node in world.nodes:
            await node.restart()
        receipt = await purge(world, "tag", "news", wait=10)
        assert receipt["confirmed"] and [row["node"] for row in receipt["nodes"]] == ["edge-1", "shield"]


async def test_a_fault_of_ours_with_one_value_leaves_the_others(worlds, bus, monkeypatch):
    async with worlds(purge={"heartbeat": 0.2}) as world:
        mirror = world.shield.keeper._mirror
        believed, asked = mirror._believed, []

        async def fails(told):
            asked.append(told.node)
            if told.node == "zz":
                raise RuntimeError("whatever")
            return await believed(told)

        monkeypatch.setattr(mirror, "_believed", fails)
        await put(bus, "zz", b"x")
        await until(lambda: "zz" in asked)
        assert (await purge(world, "tag", "news", wait=10))["confirmed"]
