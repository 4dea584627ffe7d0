"""A purge log on NATS in bad company: whatever somebody puts there and however slow it is, orders are what they say."""

from __future__ import annotations

import secrets
from dataclasses import replace

import msgspec
import pytest

from httpcache import clock
from httpcache.purge import bus_orders, mirror
from httpcache.purge.bus import Bus, nats
from httpcache.purge.bus_orders import end_of
from httpcache.purge.bus_runs import Progress
from httpcache.purge.bus_signed import Signed
from httpcache.purge.client import OrderRefused, send_order
from httpcache.purge.keys import load_private_key
from httpcache.purge.rights import Rights
from httpcache.purge.tokens import order_token, signed
from tests.purge.asking import ask
from tests.purge.nats_server import needs_nats
from tests.purge.nodes import until
from tests.purge.test_shown_keys import showing
from tests.scenarios.laws.conftest import OnNats
from tests.scenarios.test_purge import purge
from tests.scenarios.world import World

pytestmark = needs_nats

FORCE = b'{"node":"edge-2","force":true}'
URL_ORDER = b'{"kind":"url","targets":["http://site.example/a"],"wait":10}'


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
        shield = world.shield.keeper._mirror
        believed, asked = shield._believed, []

        async def fails(told):
            asked.append(told.node)
            if told.node == "zz":
                raise RuntimeError("whatever")
            return await believed(told)

        monkeypatch.setattr(shield, "_believed", fails)
        await put(bus, "zz", b"x")
        await until(lambda: "zz" in asked)
        assert (await purge(world, "tag", "news", wait=10))["confirmed"]


def token_of(key, body, now, ahead):
    """A token that is good for so many seconds."""
    claims = {
        "aud": "edgeward",
        "iss": key.public.name,
        "jti": secrets.token_hex(8),
        "exp": now + ahead,
        "iat": now,
    }
    return signed(key, claims, body, now)


async def test_an_order_whose_token_ends_on_its_way_to_the_server_is_applied(tmp_path, bus):
    async with World(tmp_path, bus=bus, linked=True) as world:
        world.origin.answers("/a", b"old", Cache_Control="max-age=600")
        await world.get("/a")
        key, body = load_private_key(world.operator_key), URL_ORDER
        world.link.delay = 0.3
        token = token_of(key, body, clock.now(), 0.2)
        status, receipt = await ask("POST", f"{world.edges[0].admin_url}/v1/purges", token, body)
        world.link.delay = 0
        assert status == 200 and receipt["confirmed"]
        world.origin.answers("/a", b"new", Cache_Control="max-age=600")
        assert (await world.get("/a")).body == b"new"


SKEWS = [
    ("a bit behind", -70, True),
    ("a bit ahead", 70, True),
    ("hours behind", -7200, False),
    ("hours ahead", 7200, False),
]


@pytest.mark.parametrize(("skew", "is_applied"), [row[1:] for row in SKEWS], ids=[row[0] for row in SKEWS])
async def test_where_clocks_differ_an_order_is_applied_or_refused_but_never_confirmed_unapplied(
    tmp_path, bus, monkeypatch, skew, is_applied
):
    """The nodes' clocks and the operator's agree; the server's does not."""

    def seen(message, gate, audience):
        return bus_orders.opened(replace(message, at=message.at - skew), gate, audience)

    monkeypatch.setattr(mirror, "opened", seen)
    async with World(tmp_path, bus=bus) as world:
        world.origin.answers("/a", b"old", Cache_Control="max-age=600")
        await world.get("/a")
        token = order_token(load_private_key(world.operator_key), URL_ORDER, "edgeward", clock.now())
        status, told = await ask("POST", f"{world.shield.admin_url}/v1/purges", token, URL_ORDER)
        world.origin.answers("/a", b"new", Cache_Control="max-age=600")
        if is_applied:
            assert status == 200 and (await world.get("/a")).body == b"new"
        else:
            assert (status, told["error"]) == (503, "order-unbelieved")


async def test_an_order_that_another_nodes_settings_refuse_is_validated_there(tmp_path, bus):
    async with World(tmp_path, bus=bus, tiers=1, edges=2) as world:
        world.origin.answers("/a", b"old", Cache_Control="max-age=600")
        await world.get("/a")
        world.edges[0].keeper.settings.purge.__dict__["audience"] = "another"
        receipt = await send_order(
            world.edges[1].admin_url, load_private_key(world.operator_key), msgspec.json.decode(URL_ORDER), 10
        )
        assert receipt["confirmed"]
        world.origin.answers("/a", b"new", Cache_Control="max-age=600")
        assert (await world.get("/a")).body == b"new"


async def test_where_the_servers_answer_is_lost_nobody_says_that_an_order_is_not_applied(
    tmp_path, bus, monkeypatch
):
    async with World(tmp_path, bus=bus) as world:
        context = world.shield.keeper._mirror._bus._stream_context
        publish = context.publish

        async def loses(*arguments, **fields):
            await publish(*arguments, **fields)
            raise TimeoutError

        monkeypatch.setattr(context, "publish", loses)
        with pytest.raises(OrderRefused) as refused:
            await purge(world, "tag", "zz")
        assert (refused.value.status, refused.value.error) == (503, "order-uncertain")
        await until(lambda: world.shield.worker.watermarks.mark.n == end_of(1))


async def test_only_an_operators_word_retires_a_node_for_all(tmp_path, bus):
    async with World(tmp_path, bus=bus, edges=2) as world:
        key = load_private_key(world.operator_key)
        body, other = b'{"node":"edge-2"}', b'{"node":"edge-1"}'
        await purge(world, "tag", "a")
        await world.edges[1].stop()
        client = await nats.connect(bus.url)
        await (await client.jetstream().key_value(f"{bus.name}-nodes")).delete("edge-2")
        await client.close()
        narrow = order_token(key, body, "edgeward", clock.now(), Rights(tags=("a",)))
        for token, said in (
            (narrow, body),
            (order_token(key, other, "edgeward", clock.now()), other),
            (order_token(key, body, "edgeward", clock.now() - 3600), body),
            (order_token(key, other, "edgeward", clock.now()), body),
        ):
            await put(bus, "edge-2", msgspec.msgpack.encode(Signed(token, said)))
        receipt = await purge(world, "tag", "b", wait=0.5)
        assert [row["node"] for row in receipt["nodes"]] == ["edge-1", "edge-2", "shield"]
        token = order_token(key, FORCE, "edgeward", clock.now())
        assert (await ask("POST", f"{world.edges[0].admin_url}/v1/nodes/retire", token, FORCE))[0] == 200
        await until(lambda: not any(node.keeper.ledger.knows("edge-2") for node in world.nodes[:2]))
        assert (await purge(world, "tag", "c", wait=10))["confirmed"]
        await world.edges[1].start()
        assert "edge-2" in [row["node"] for row in (await purge(world, "tag", "d", wait=10))["nodes"]]


async def test_how_far_a_node_was_in_an_old_epoch_is_never_told_of_a_new_one(worlds, bus, monkeypatch):
    told = []

    async def tell(self, node, value):
        told.append(msgspec.json.decode(msgspec.msgpack.decode(value, type=Signed).body, type=Progress))

    async with worlds() as world:
        assert (await purge(world, "tag", "x"))["confirmed"]
        log = world.shield.keeper.door.log
        epoch = log.epoch
        monkeypatch.setattr(Bus, "tell", tell)
        log.extent = log.extent._replace(epoch=epoch + 1)  # its thread is quicker than the event loop
        await until(lambda: told)
    assert told[0].epoch == epoch


async def test_an_order_on_a_stream_made_anew_is_not_taken_for_an_older_one(worlds, bus, monkeypatch):
    async with worlds(purge={"heartbeat": 30.0, "lag_limit": 90.0}) as world:
        for tag in ("x", "y"):
            assert (await purge(world, "tag", tag))["confirmed"]

        async def anew(manager):
            stream = f"{bus.name}-orders"
            config = (await manager.stream_info(stream)).config
            await manager.delete_stream(stream)
            await manager.add_stream(config)

        await bus._do(anew)
        monkeypatch.setattr(mirror, "OWN_WAIT", 0.5)
        with pytest.raises(OrderRefused) as caught:
            await purge(world, "url", "http://site.example/a")
        assert (caught.value.status, caught.value.error) == (503, "order-uncertain")
