"""A dry order tells how much it would match on each node: as much as the order itself then makes gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from httpcache.purge.client import send_order
from httpcache.purge.keys import load_private_key
from httpcache.purge.matches import Matches
from httpcache.purge.orders import Kind, Order
from tests.scenarios.test_giving_back import fill
from tests.scenarios.test_purge import purge

KEEP = {"give_back_after": 0}


async def count(world, order):
    """What a dry order says of each node."""
    keeper = world.nodes[0]
    key = load_private_key(Path(keeper.settings.data_folder) / "keys" / "operator.key")
    told = await send_order(keeper.admin_url, key, {**order, "dry": True}, 5.0)
    assert told["complete"]
    return {row["node"]: row["matched"] for row in told["nodes"]}


ORDERS = [
    ({"kind": "tag", "targets": ["news"]}, 3),
    ({"kind": "tag", "targets": ["news", "other"]}, 4),
    ({"kind": "url", "targets": ["http://site.example/0", "http://site.example/9"]}, 1),
    ({"kind": "prefix", "targets": ["http://site.example/"]}, 5),
    ({"kind": "host", "targets": ["other.example"]}, 0),
    ({"kind": "everything"}, 5),
    ({"orders": [{"kind": "tag", "targets": ["other"]}, {"kind": "url", "targets": ["site.example/0"]}]}, 2),
]


@pytest.mark.parametrize("disk", ["64MiB", "0"], ids=["RAM and disk", "RAM alone"])
async def test_what_an_order_would_match_is_counted_on_each_node(worlds, disk):
    async with worlds(purge=KEEP, store={"ram": "16MiB", "disk": disk}) as world:
        for number, tag in enumerate(["news", "news", "news", "other", ""]):
            fields = {"Surrogate_Key": tag} if tag else {}
            world.origin.answers(f"/{number}", b"x", Cache_Control="max-age=600", **fields)
            await world.get(f"/{number}")
        for order, matched in ORDERS:
            assert await count(world, order) == {node.settings.node_name: matched for node in world.nodes}
        asked = len(world.origin.requests)
        assert ";hit" in (await world.get("/0")).cache_status[-1]
        assert len(world.origin.requests) == asked
        await purge(world, "tag", "news")
        left = await count(world, {"kind": "everything"})
        assert left == {node.settings.node_name: 2 for node in world.nodes}


async def test_where_time_is_too_short_the_rest_is_estimated(worlds):
    async with worlds(tiers=1, purge={**KEEP, "count_time": 0}) as world:
        await fill(world, ["news"] * 6, 100)
        worker = world.edges[0].worker
        giving = worker.store.disk.giving
        giving.spans = lambda _rows, _most: [(0, 2**62)] * 3  # of which time is enough for one
        assert await worker.follower.count([Order(Kind.TAG, ("news",))]) == Matches(6, 18, exact=False)
        assert await worker.follower.count([Order(Kind.TAG, ("none",))]) == Matches(0, 0, exact=False)


async def test_all_rows_are_in_the_spans_once(worlds):
    async with worlds(tiers=1, purge=KEEP) as world:
        giving = world.edges[0].worker.store.disk.giving
        assert giving.spans(1, 10) == []
        await fill(world, ["news"] * 5, 100)
        for rows, most in ((1, 100), (3, 100), (1, 2), (100, 1)):
            spans = giving.spans(rows, most)
            assert len(spans) <= most
            pages = [await asyncio.to_thread(giving.read, after, 100, until) for after, until in spans]
            assert len({name for page in pages for name, _, _ in page.rows}) == 5
            assert sum(len(page.rows) for page in pages) == 5
