"""Several orders under one token, and orders that only count: the same wherever the log is, whichever node is asked."""

from __future__ import annotations

import asyncio
import json

import pytest

from httpcache import clock
from httpcache.purge.client import OrderRefused, send_order
from httpcache.purge.keys import load_private_key
from httpcache.purge.rights import Rights
from httpcache.purge.tokens import order_token
from tests.purge.nodes import until

KEEP = {"give_back_after": 0}
FRESH = {"Cache_Control": "max-age=600"}


def tags(*names, **more):
    """A batch of orders, each for a tag."""
    return {"orders": [{"kind": "tag", "targets": [name]} for name in names], **more}


async def send(world, node, document, wait=5.0):
    return await send_order(node.admin_url, load_private_key(world.operator_key), document, wait)


async def all_know_all(world):
    """Every node that keeps the log, or mirrors it, knows all that follow it."""
    names = sorted(node.settings.node_name for node in world.nodes)
    keepers = [node.keeper for node in world.nodes if node.keeper is not None]
    await until(lambda: all(sorted(one.ledger.present(clock.now())) == names for one in keepers), 20)
    await until(lambda: all(all(one.ledger.present(clock.now()).values()) for one in keepers), 20)


async def filled(world, count=3):
    """So many responses with the tag `news`, stored by every node whichever edge was asked."""
    for number in range(count):
        world.origin.answers(f"/{number}", b"x", Surrogate_Key=f"news t{number}", **FRESH)
        for at in range(len(world.edges)):
            await world.get(f"/{number}", at=at)
    for node in world.nodes:
        await node.worker.transactions.drain()


async def test_a_batch_given_to_any_node_holds_on_all_and_its_orders_are_numbered_one_by_one(worlds):
    async with worlds(edges=2) as world:
        await all_know_all(world)
        before = 0
        for node in world.nodes:
            await filled(world)
            receipt = await send(world, node, tags("t0", "t1", "none"))
            assert receipt["confirmed"] and len(receipt["nodes"]) == 3
            assert before < receipt["first"] == receipt["n"] - 2
            before = receipt["n"]
            for at in (0, 1):
                gone = [
                    "detail=purged" in (await world.get(f"/{n}", at=at)).cache_status[-1] for n in range(3)
                ]
                assert gone == [True, True, False]
        token = order_token(load_private_key(world.operator_key), b"", "edgeward", clock.now())
        headers = {"Authorization": f"Bearer {token}"}
        async with world.session.get(f"{world.edges[0].admin_url}/v1/purges", headers=headers) as answer:
            history = await answer.json()
        assert [one["order"]["targets"] for one in history["orders"]] == [["t0"], ["t1"], ["none"]] * 3
        assert history["newest"] == before


async def test_of_a_batch_with_one_order_too_many_nothing_is_in_the_log(worlds):
    async with worlds() as world:
        key = load_private_key(world.operator_key)
        narrow = Rights(tags=("t*",))
        for node in world.nodes:
            body = json.dumps(tags("t0", "news")).encode()
            token = order_token(key, body, "edgeward", clock.now(), narrow)
            fields = {"Authorization": f"Bearer {token}"}
            async with world.session.post(f"{node.admin_url}/v1/purges", data=body, headers=fields) as answer:
                assert (answer.status, (await answer.json())["error"]) == (403, "right-missing")
            with pytest.raises(OrderRefused) as caught:
                await send(world, node, tags(*(f"t{n}" for n in range(1001))))
            assert caught.value.error == "batch-out-of-range"
        first = await send(world, world.nodes[0], {"kind": "tag", "targets": ["x"]})
        assert len(await world.nodes[0].keeper.door.run(world.nodes[0].keeper.door.log.after, 0, 10)) == 1
        assert first["confirmed"]


async def test_the_token_of_a_batch_is_good_once_on_whatever_node(worlds):
    async with worlds() as world:
        key = load_private_key(world.operator_key)
        body = json.dumps(tags("a", "b")).encode()
        fields = {"Authorization": f"Bearer {order_token(key, body, 'edgeward', clock.now())}"}
        statuses = []
        for node in (*world.nodes, *world.nodes):
            async with world.session.post(f"{node.admin_url}/v1/purges", data=body, headers=fields) as answer:
                statuses.append((answer.status, (await answer.json()).get("error")))
        assert statuses[0][0] in (200, 202)
        assert statuses[1:] == [(401, "token-replayed")] * 3


async def test_an_edge_that_was_away_during_batches_goes_on_where_it_was(worlds):
    async with worlds(edges=2) as world:
        await filled(world)
        await send(world, world.nodes[0], tags("none", "nothing"))
        await world.edges[1].stop()
        await send(world, world.nodes[0], tags("none", "t1"), wait=0)
        await send(world, world.nodes[0], tags("nothing"), wait=0)
        await world.edges[1].start()
        mark = world.edges[0].worker.watermarks.mark
        await until(lambda: world.edges[1].worker.watermarks.mark == mark)
        gone = [(await world.get(f"/{n}", at=1)).cache_status[-1] for n in range(3)]
        assert ["detail=purged" in status for status in gone] == [False, True, False]
        assert ";hit" in gone[0] and ";hit" in gone[2]


async def test_orders_of_a_new_epoch_are_not_those_of_the_old_one_with_their_numbers(worlds, bus):
    async with worlds() as world:
        await send(world, world.nodes[0], tags("old", "older"))
        await bus.lose(world)
        await until(lambda: all(node.worker.follower.is_following for node in world.nodes), 20)
        await until(lambda: len({node.worker.watermarks.mark.epoch for node in world.nodes}) == 1, 20)
        await filled(world)
        receipt = await send(world, world.nodes[0], tags("t0", "t2"), wait=20.0)
        assert receipt["confirmed"]
        gone = ["detail=purged" in (await world.get(f"/{n}")).cache_status[-1] for n in range(3)]
        assert gone == [True, False, True]


async def test_a_dry_order_given_to_any_node_counts_on_all(worlds):
    async with worlds(edges=2, purge=KEEP) as world:
        await filled(world)
        await all_know_all(world)
        for node in world.nodes:
            for document, matched in (
                ({"kind": "tag", "targets": ["news"], "dry": True}, 3),
                (tags("t0", "t1", "none", dry=True), 2),
                ({"kind": "everything", "dry": True}, 3),
            ):
                told = await send(world, node, document, 10.0)
                rows = [(row["node"], row["state"], row["matched"]) for row in told["nodes"]]
                assert rows == [(name, "counted", matched) for name in ("edge-1", "edge-2", "shield")]
                assert told["complete"] and told["matched"] == 3 * matched
        assert ";hit" in (await world.get("/0")).cache_status[-1]


async def test_a_dry_order_names_who_does_not_answer_and_who_is_away(worlds):
    async with worlds(edges=2, purge={**KEEP, "heartbeat": 0.2}) as world:
        await filled(world)
        await all_know_all(world)

        async def never(_):
            await asyncio.Event().wait()

        count, world.edges[0].worker.follower.count = world.edges[0].worker.follower.count, never
        told = await send(world, world.nodes[0], {"kind": "everything", "dry": True}, 0.5)
        assert {row["node"]: row["state"] for row in told["nodes"]} == {
            "edge-1": "late",
            "edge-2": "counted",
            "shield": "counted",
        }
        assert not told["complete"] and told["matched"] == 6
        world.edges[0].worker.follower.count = count
        await world.edges[1].stop()
        await until(lambda: not world.nodes[0].keeper.ledger.present(clock.now())["edge-2"], 20)
        told = await send(world, world.nodes[0], {"kind": "everything", "dry": True}, 5.0)
        states = {row["node"]: row["state"] for row in told["nodes"]}
        assert states["edge-2"] == "away" and states["shield"] == "counted"
        await world.edges[1].start()
