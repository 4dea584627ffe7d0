"""A signed purge reaches every edge, and what it covers does not come back."""

from __future__ import annotations

import asyncio

import pytest

from httpcache.purge.client import send_order
from httpcache.purge.keys import load_private_key


async def purge(world, kind, *targets, soft=False, wait=5.0):
    """Send an order to the log's keeper, signed by the operator it made; the receipt."""
    keeper = world.nodes[0]
    key = load_private_key(world.operator_key)
    order = {"kind": kind, "targets": list(targets), "soft": soft}
    return await send_order(keeper.admin_url, key, order, wait=wait)


ORDERS = [
    ("url", ["http://site.example/news/a"]),
    ("prefix", ["http://site.example/news/"]),
    ("tag", ["today"]),
    ("host", ["site.example"]),
    ("everything", []),
]


@pytest.mark.parametrize(("kind", "targets"), ORDERS, ids=[kind for kind, _ in ORDERS])
async def test_a_hard_purge_is_a_miss_everywhere(worlds, kind, targets):
    async with worlds(edges=2) as world:
        world.origin.answers("/news/a", b"old", Cache_Control="max-age=600", Surrogate_Key="today other")
        for at in (0, 1):
            await world.get("/news/a", at=at)
        receipt = await purge(world, kind, *targets)
        assert receipt["confirmed"]
        world.origin.answers("/news/a", b"new", Cache_Control="max-age=600", Surrogate_Key="today other")
        for at in (0, 1):
            got = await world.get("/news/a", at=at)
            assert got.body == b"new"
            assert ";hit" not in got.cache_status[-1]
            assert ";hit" in (await world.get("/news/a", at=at)).cache_status[-1]
        assert len(world.origin.seen("/news/a")) == 2


async def test_what_an_order_does_not_name_stays(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=600", Surrogate_Key="one")
    await world.get("/a")
    await purge(world, "tag", "two")
    await purge(world, "url", "http://site.example/b")
    await purge(world, "host", "other.example")
    assert ";hit" in (await world.get("/a")).cache_status[-1]


SPELLINGS = [("/a/../b", "/b"), ("/b", "/a/../b"), ("/b", "/a/%2e%2e/b"), ("/a/%2E./b", "/a/../b")]


@pytest.mark.parametrize(("stored", "ordered"), SPELLINGS)
@pytest.mark.parametrize("kind", ["url", "prefix"])
async def test_an_order_covers_what_dot_segments_lead_to_in_whatever_spelling(world, kind, stored, ordered):
    world.origin.answers(stored, b"old", Cache_Control="max-age=600")
    await world.get(stored)
    assert ";hit" in (await world.get(stored)).cache_status[-1]
    await purge(world, kind, f"http://site.example{ordered}")
    assert "detail=purged" in (await world.get(stored)).cache_status[-1]


async def test_a_soft_purge_is_validated_end_to_end(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=600", ETag='"1"', Surrogate_Key="one")
    await world.get("/a")
    await purge(world, "tag", "one", soft=True)
    got = await world.get("/a")
    assert got.body == b"x"
    assert world.origin.requests[-1].get("If-None-Match") == '"1"'
    assert ";hit" in (await world.get("/a")).cache_status[-1]


async def test_a_fetch_under_way_does_not_bring_the_old_body_back(world):
    gate = asyncio.Event()
    world.origin.answers("/a", b"old", Cache_Control="max-age=600", gate=gate)
    waiting = asyncio.create_task(world.get("/a"))
    await world.origin.has_seen("/a", 1)
    await purge(world, "url", "http://site.example/a")
    world.origin.answers("/a", b"new", Cache_Control="max-age=600")
    gate.set()
    assert (await waiting).body == b"new"
    assert (await world.get("/a")).body == b"new"


async def test_a_purge_survives_a_restart_of_every_node(world):
    world.origin.answers("/a", b"old", Cache_Control="max-age=600")
    await world.get("/a")
    await purge(world, "url", "http://site.example/a")
    for node in world.nodes:
        await node.restart()
    world.origin.answers("/a", b"new", Cache_Control="max-age=600")
    assert (await world.get("/a")).body == b"new"


async def test_an_edge_that_was_away_applies_what_it_missed(worlds):
    async with worlds(edges=2) as world:
        world.origin.answers("/a", b"old", Cache_Control="max-age=600")
        await world.get("/a", at=1)
        await world.edges[1].stop()
        receipt = await purge(world, "url", "http://site.example/a")
        assert not receipt["confirmed"]
        world.origin.answers("/a", b"new", Cache_Control="max-age=600")
        await world.edges[1].start()
        assert (await world.get("/a", at=1)).body == b"new"
