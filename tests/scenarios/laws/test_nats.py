"""A purge log on NATS: what is not signed by an operator is no order, and the server may be lost and come back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil

import msgspec
import pytest

from httpcache import clock
from httpcache.purge import keeper as keeper_module
from httpcache.purge.bus import nats
from httpcache.purge.bus_counting import Asked, Found
from httpcache.purge.bus_orders import end_of
from httpcache.purge.bus_signed import Signed
from httpcache.purge.client import OrderRefused, send_order
from httpcache.purge.keys import KeyFault, load_private_key, new_operator, node_key
from httpcache.purge.tokens import node_token, order_token
from httpcache.settings import Settings
from tests.purge.nats_server import NatsServer, needs_nats
from tests.purge.nodes import until
from tests.scenarios.laws.conftest import OnNats
from tests.scenarios.test_purge import purge
from tests.scenarios.world import World

pytestmark = needs_nats

TAG = json.dumps({"kind": "tag", "targets": ["news"]}).encode()


@pytest.fixture
def bus(nats_server):
    return OnNats(nats_server.url, f"test-{clock.monotonic()}".replace(".", "-"))


@pytest.fixture
def stranger(tmp_path):
    """The key of an operator whom no node knows."""
    return load_private_key(new_operator(tmp_path / "stranger", "stranger")[0])


async def publish(bus, body, token):
    """What somebody does who can reach the server: publishes past the nodes."""
    client = await nats.connect(bus.url)
    await client.jetstream().publish(f"{bus.name}.orders", body, headers={"Edgeward-Token": token})
    await client.close()


def names(node):
    """The nodes that a node's receipts name."""
    return [row["node"] for row in node.keeper.ledger.rows(0, clock.now())]


async def test_what_no_operator_has_signed_purges_nothing_and_the_next_order_is_applied(worlds, bus):
    async with worlds() as world:
        world.origin.answers("/a", b"x", Cache_Control="max-age=600", Surrogate_Key="news other")
        await world.get("/a")
        key = load_private_key(world.operator_key)
        await publish(bus, TAG, "")
        await publish(bus, b"\xff", "no token")
        await publish(bus, TAG, order_token(key, b"another body", "edgeward", clock.now()))
        await publish(bus, TAG, order_token(key, TAG, "edgeward", clock.now() - 3600))
        await until(lambda: all(node.worker.watermarks.mark.n == end_of(4) for node in world.nodes))
        assert ";hit" in (await world.get("/a")).cache_status[-1]
        assert (await purge(world, "tag", "other"))["n"] == end_of(5)
        assert "detail=purged" in (await world.get("/a")).cache_status[-1]


async def test_an_order_that_somebody_has_read_on_the_bus_and_publishes_again_purges_nothing(worlds, bus):
    async with worlds() as world:
        world.origin.answers("/a", b"x", Cache_Control="max-age=600", Surrogate_Key="news")
        await world.get("/a")
        token = order_token(load_private_key(world.operator_key), TAG, "edgeward", clock.now())
        await publish(bus, TAG, token)
        await until(lambda: all(node.worker.watermarks.mark.n == end_of(1) for node in world.nodes))
        assert "detail=purged" in (await world.get("/a")).cache_status[-1]
        for number in (2, 3):
            await publish(bus, TAG, token)
            await until(lambda: all(node.worker.watermarks.mark.n == end_of(number) for node in world.nodes))  # noqa: B023
            assert ";hit" in (await world.get("/a")).cache_status[-1]
            await world.edges[0].restart()


async def test_an_order_of_a_signer_who_is_unknown_here_makes_everything_be_validated(worlds, bus, stranger):
    async with worlds() as world:
        world.origin.answers("/a", b"x", Cache_Control="max-age=600", ETag='"1"', Surrogate_Key="news")
        await world.get("/a")
        await publish(bus, TAG, order_token(stranger, TAG, "edgeward", clock.now()))
        await until(lambda: all(node.worker.watermarks.mark.n == end_of(1) for node in world.nodes))
        assert "detail=soft-purged" in (await world.get("/a")).cache_status[-1]


async def test_a_receipt_from_any_node_names_all_until_one_is_retired(worlds):
    async with worlds(edges=2) as world:
        key = load_private_key(world.operator_key)
        for node in world.nodes:
            receipt = await send_order(node.admin_url, key, {"kind": "everything"}, 10.0)
            assert receipt["confirmed"]
            assert [row["node"] for row in receipt["nodes"]] == ["edge-1", "edge-2", "shield"]
        await world.edges[1].stop()
        receipt = await send_order(world.edges[0].admin_url, key, {"kind": "everything"}, 0.1)
        assert not receipt["confirmed"]
        body = b'{"node":"edge-2"}'
        await world.edges[0].keeper.retire("edge-2", body, order_token(key, body, "edgeward", clock.now()))
        await until(lambda: "edge-2" not in names(world.shield))
        assert (await send_order(world.shield.admin_url, key, {"kind": "everything"}, 10.0))["confirmed"]
        await world.edges[1].start()


async def test_a_token_is_good_once_on_whatever_node_also_after_restarts(worlds):
    async with worlds() as world:
        key = load_private_key(world.operator_key)
        token = order_token(key, TAG, "edgeward", clock.now())

        async def order(node):
            fields = {"Authorization": f"Bearer {token}"}
            async with world.session.post(f"{node.admin_url}/v1/purges", data=TAG, headers=fields) as answer:
                return answer.status, (await answer.json()).get("error")

        assert (await order(world.shield))[0] in (200, 202)
        assert await order(world.edges[0]) == (401, "token-replayed")
        await world.shield.restart()
        assert await order(world.shield) == (401, "token-replayed")


def sealed(key, content):
    """What a node sends, signed with its key."""
    body = msgspec.json.encode(content)
    return msgspec.msgpack.encode(Signed(node_token(key, body, clock.now()), body))


QUESTIONS = [
    ("of a node, for an operator", "edge-1", "known", {"kind": "everything", "dry": True}, True),
    ("that no operator has signed", "edge-1", "stranger", {"kind": "everything", "dry": True}, False),
    ("that is not dry", "edge-1", "known", {"kind": "everything"}, False),
    (
        "of nobody who is known",
        "edge-1 with another key",
        "known",
        {"kind": "everything", "dry": True},
        False,
    ),
]


@pytest.mark.parametrize(
    ("node", "operator", "order", "is_answered"), [q[1:] for q in QUESTIONS], ids=[q[0] for q in QUESTIONS]
)
async def test_a_question_is_answered_once_and_only_one(
    worlds, bus, stranger, tmp_path, node, operator, order, is_answered
):
    async with worlds() as world:
        signer = stranger if operator == "stranger" else load_private_key(world.operator_key)
        folder = tmp_path / "edge-1" if node == "edge-1" else tmp_path / "other"
        body = json.dumps(order).encode()
        asked = Asked("question-1", order_token(signer, body, "edgeward", clock.now()), body, 5.0)
        client = await nats.connect(bus.url)
        inbox = await client.subscribe(reply := client.new_inbox())
        aside = await client.subscribe("aside")
        question = sealed(node_key(folder, "edge-1"), asked)
        await client.publish(f"{bus.name}.questions", b"\xffrubbish", reply=reply)
        await client.publish(f"{bus.name}.questions", question, reply="aside")
        for _ in range(2):
            await client.publish(f"{bus.name}.questions", question, reply=reply)
        # By the time that one of the operator's own has been answered these have been looked at.
        key = load_private_key(world.operator_key)
        told = await send_order(world.edges[0].admin_url, key, {"kind": "everything", "dry": True}, 10.0)
        assert told["complete"]
        answers = []
        while not answers or inbox.pending_msgs:
            try:
                answers.append(await inbox.next_msg(timeout=10.0 if is_answered and not answers else 0.1))
            except nats.errors.TimeoutError:
                break
        assert len(answers) == is_answered
        assert not aside.pending_msgs
        await client.close()


async def test_answers_of_others_or_to_another_question_do_not_count(worlds, bus, tmp_path):
    async with worlds() as world:
        client = await nats.connect(bus.url)
        stranger = node_key(tmp_path / "other", "edge-1")
        edge = node_key(tmp_path / "edge-1", "edge-1")

        async def lie(message):
            name = msgspec.json.decode(
                msgspec.msgpack.decode(message.data, type=Signed).body, type=Asked
            ).name
            for text in (
                sealed(stranger, Found(name, "counted", 1000, True)),
                sealed(edge, Found("another question", "counted", 1000, True)),
                sealed(edge, {"name": name, "state": "counted", "matched": -1000, "exact": True}),
                b"rubbish",
            ):
                await client.publish(message.reply, text)

        await client.subscribe(f"{bus.name}.questions", cb=lie)
        await client.flush()
        key = load_private_key(world.operator_key)
        await until(lambda: names(world.shield) == ["edge-1", "shield"])
        told = await send_order(world.shield.admin_url, key, {"kind": "everything", "dry": True}, 10.0)
        assert [(row["node"], row["matched"]) for row in told["nodes"]] == [("edge-1", 0), ("shield", 0)]
        await client.close()


async def test_an_order_too_large_for_the_server_is_refused_as_such(worlds, monkeypatch):
    async with worlds() as world:
        world.shield.keeper._mirror._bus._client._max_payload = 500
        key = load_private_key(world.operator_key)
        with pytest.raises(OrderRefused) as caught:
            await send_order(world.shield.admin_url, key, {"kind": "tag", "targets": ["x" * 600]})
        assert (caught.value.status, caught.value.error) == (413, "order-too-large")


async def test_the_limits_of_a_node_do_not_keep_it_from_what_another_has_accepted(worlds, bus):
    async with worlds(purge={"targets": 1, "orders": 1}) as world:
        world.origin.answers("/a", b"old", Cache_Control="max-age=600", Surrogate_Key="three")
        await world.get("/a")
        order = {"kind": "tag", "targets": ["one", "two"]}
        body = json.dumps({"orders": [order, {"kind": "tag", "targets": ["three"]}]}).encode()
        key = load_private_key(world.operator_key)
        await publish(bus, body, order_token(key, body, "edgeward", clock.now()))
        await until(lambda: all(node.worker.watermarks.mark.n == end_of(1) for node in world.nodes))
        assert "detail=purged" in (await world.get("/a")).cache_status[-1]


@pytest.mark.slow
async def test_a_server_that_is_killed_and_comes_back_has_lost_nothing(tmp_path):
    server = NatsServer(tmp_path / "nats").start()
    try:
        bus = OnNats(server.url, "cdn")
        async with World(tmp_path, bus=bus, purge={"heartbeat": 0.2, "lag_limit": 1.0}) as world:
            world.origin.answers("/a", b"old", Cache_Control="max-age=600")
            await world.get("/a")
            assert (await purge(world, "tag", "x"))["confirmed"]
            server.kill()
            with pytest.raises(OrderRefused) as caught:
                await purge(world, "url", "http://site.example/a")
            assert caught.value.status == 503
            await until(lambda: all(node.worker.watermarks.is_silent for node in world.nodes), 20)
            assert "detail=purge-log-silent" in (await world.get("/a")).cache_status[-1]
            server.start()
            await until(lambda: all(node.worker.follower.is_following for node in world.nodes), 20)
            world.origin.answers("/a", b"new", Cache_Control="max-age=600")
            receipt = await purge(world, "url", "http://site.example/a")
            assert receipt["confirmed"] and receipt["n"] == end_of(2)
            assert (await world.get("/a")).body == b"new"
            server.kill()
            server.wipe()
            server.start()
            epoch = receipt["epoch"]
            await until(lambda: all(node.worker.watermarks.mark.epoch > epoch for node in world.nodes), 20)
            await until(lambda: all(node.worker.follower.is_following for node in world.nodes), 20)
            assert "detail=purge-log-lost" in (await world.get("/a")).cache_status[-1]
    finally:
        server.kill()


async def confirmed(world, kind, target):
    """The receipt of an order, once nodes that have just lost their server have found it again."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(OrderRefused):
                receipt = await purge(world, kind, target)
                if receipt["confirmed"]:
                    return receipt
            await asyncio.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    "newer", [0, 1, 3], ids=["shorter", "as long, with another order", "longer, with others"]
)
async def test_a_stream_from_a_backup_begins_anew_and_what_it_lost_is_validated(tmp_path, newer):
    server = NatsServer(tmp_path / "nats").start()
    try:
        bus = OnNats(server.url, "cdn")
        limits = {"heartbeat": 0.2, "lag_limit": 30.0}  # nobody is cut off: only a new epoch has it validated
        async with World(tmp_path, bus=bus, purge=limits) as world:
            key = load_private_key(world.operator_key)
            world.origin.answers("/a", b"old", Cache_Control="max-age=600")
            await world.get("/a")
            await purge(world, "tag", "x")
            server.kill()
            shutil.copytree(server.folder / "data", tmp_path / "backup")
            server.start()
            receipt = await confirmed(world, "url", "http://site.example/a")
            for node in world.nodes:
                await node.stop()
            server.kill()
            server.wipe()
            shutil.copytree(tmp_path / "backup", server.folder / "data")
            server.start()
            for _ in range(newer):
                await publish(bus, TAG, order_token(key, TAG, "edgeward", clock.now()))
            for node in world.nodes:
                await node.start()
            epoch = receipt["epoch"]
            await until(lambda: all(node.worker.watermarks.mark.epoch > epoch for node in world.nodes), 20)
            await until(lambda: all(node.worker.follower.is_following for node in world.nodes), 20)
            world.origin.answers("/a", b"new", Cache_Control="max-age=600")
            assert (await world.get("/a")).body == b"new"
            await confirmed(world, "url", "http://site.example/a")
    finally:
        server.kill()


def test_without_nats_py_a_node_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(keeper_module, "is_there", lambda: False)
    _, keys = new_operator(tmp_path / "operator")
    purge_settings = {"bus": "nats://127.0.0.1:1", "keys": str(keys)}
    settings = Settings.model_validate({"origin": "http://127.0.0.1:1", "purge": purge_settings})
    with pytest.raises(KeyFault, match=r"edgeward\[nats\]"):
        keeper_module.LogKeeper(settings, tmp_path)


@pytest.mark.parametrize(
    "purge_settings",
    [{"bus": "http://x"}, {"bus": "nats://x:1"}, {"bus": "nats://x:1", "keys": "k", "log_at": "http://y"}],
    ids=["no NATS URL", "without keys", "with log_at"],
)
def test_settings_that_cannot_be_meant_are_refused(purge_settings):
    with pytest.raises(ValueError, match="purge"):
        Settings.model_validate({"origin": "http://127.0.0.1:1", "purge": purge_settings})
