"""Clients whose wishes are theirs alone: no one waits for them, and what others get is stored and validated as ever."""

from __future__ import annotations

import asyncio
import hashlib

import brotli
import pytest

from tests.scenarios.origin import Line
from tests.scenarios.ranged import SEGMENT, Large

TEXT = " ".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(400)).encode()
KEPT = [("Cache-Control", "max-age=60")]


def asking(world, **fields: str) -> asyncio.Task:
    return asyncio.create_task(world.get("/a", **fields))


def gated(world, *gates: asyncio.Event, cache_control: str = "max-age=60"):
    """The origin holds its answers back by these gates, in the order asked; further ones go at once."""
    left = list(gates)

    def script(_):
        fields = [("Cache-Control", cache_control), ("ETag", '"1"')]
        return Line(body=b"x", fields=fields, gate=left.pop(0) if left else None)

    world.origin.does("/a", script)


async def waiting(world, count: int) -> None:
    async with asyncio.timeout(10):
        while world.edges[0].worker.tier.collapser.waiting < count:
            await asyncio.sleep(0.005)


@pytest.mark.requirement("9111§5.2.1.5 request-no-store-is-not-stored")
async def test_nobody_waits_for_a_request_that_says_no_store(world):
    gate = asyncio.Event()
    gated(world, gate)
    selfish = asking(world, Cache_Control="no-store")
    await world.origin.has_seen("/a", 1)
    assert ";stored" in (await world.get("/a")).cache_status[-1]
    assert ";hit" in (await world.get("/a")).cache_status[-1]
    assert not selfish.done()
    gate.set()
    assert "detail=request-no-store" in (await selfish).cache_status[-1]


async def test_a_request_that_says_no_store_waits_for_nobody(world):
    gate = asyncio.Event()
    gated(world, gate)
    first = asking(world)
    await world.origin.has_seen("/a", 1)
    assert (await world.get("/a", Cache_Control="no-store")).body == b"x"
    assert not first.done()
    gate.set()
    await first
    assert ";hit" in (await world.get("/a")).cache_status[-1]


async def test_a_request_that_says_no_store_is_validated_and_changes_nothing_stored(world):
    gated(world)
    await world.get("/a")
    world.pass_time(61)
    for _ in range(2):
        got = await world.get("/a", Cache_Control="no-store")
        assert (got.body, "fwd-status=304" in got.cache_status[-1]) == (b"x", True)
        assert world.origin.seen("/a")[-1].get("If-None-Match") == '"1"'


async def test_what_authorization_keeps_from_being_stored_releases_all_at_once(world):
    gates = [asyncio.Event(), *[asyncio.Event()] * 20]
    gated(world, *gates)
    users = [asking(world, Authorization="Bearer 0")]
    await world.origin.has_seen("/a", 1)
    users += [asking(world, Authorization=f"Bearer {n}") for n in (1, 2, 3)]
    others = [asking(world) for _ in range(3)]
    await waiting(world, 6)
    gates[0].set()
    # Three users each by itself, and one request for all who say nothing of themselves: at the same time.
    await world.origin.has_seen("/a", 5)
    assert not any(one.done() for one in (*users[1:], *others))
    gates[1].set()
    assert {one.body for one in await asyncio.gather(*users, *others)} == {b"x"}
    told = [(await one).cache_status[-1] for one in others]
    assert sum("collapsed" in one for one in told) == 2
    assert len(world.origin.seen("/a")) == 5
    assert ";hit" in (await world.get("/a")).cache_status[-1]


@pytest.mark.parametrize("cache_control", ["max-age=60", "private"])
async def test_users_do_not_wait_for_each_other_once_nothing_of_theirs_was_stored(world, cache_control):
    gate = asyncio.Event()
    gated(world, cache_control=cache_control)
    await world.get("/a", Authorization="Bearer 0")
    gated(world, *[gate] * 4, cache_control=cache_control)
    users = [asking(world, Authorization=f"Bearer {n}") for n in range(4)]
    await world.origin.has_seen("/a", 5)
    gate.set()
    await asyncio.gather(*users)


async def test_what_one_user_gets_for_itself_keeps_nothing_of_others_from_being_stored(world):
    def script(request):
        own = request.get("Authorization") is not None
        return Line(body=b"own" if own else b"all", fields=[("Cache-Control", "private")] if own else KEPT)

    world.origin.does("/a", script)
    assert (await world.get("/a", Authorization="Bearer 0")).body == b"own"
    assert ";stored" in (await world.get("/a")).cache_status[-1]
    assert ";hit" in (await world.get("/a")).cache_status[-1]


@pytest.mark.parametrize("cache_control", ["no-cache", "max-age=0"])
async def test_what_has_to_be_validated_is_validated_after_two_have_asked_at_once(worlds, cache_control):
    async with worlds(tiers=1) as world:
        fields = {"Cache_Control": cache_control, "ETag": '"1"', "Content_Type": "text/plain"}
        world.origin.answers("/a", TEXT, **fields)
        for _ in range(2):
            await world.get("/a", Accept_Encoding="br")
            await world.edges[0].worker.tier.coder.settle()
        gate = asyncio.Event()
        world.origin.answers("/a", TEXT, gate=gate, **fields)
        pair = [asking(world, Accept_Encoding="br") for _ in range(2)]
        await waiting(world, 1)
        gate.set()
        for got in [*await asyncio.gather(*pair), await world.get("/a", Accept_Encoding="br")]:
            assert brotli.decompress(got.body) == TEXT
            assert "fwd-status=304" in got.cache_status[-1]
        asked = [one.get("If-None-Match") for one in world.origin.seen("/a")]
        assert asked == [None, *4 * ['"1"']]


@pytest.fixture(params=[1, 2], ids=["one tier", "two tiers"])
async def cdn(request, worlds):
    store = {"ram": "16MiB", "disk": "64MiB", "segment": "64KiB"}
    async with worlds(tiers=request.param, store=store, fetch={"whole_up_to": "128KiB"}) as made:
        yield made


async def test_a_range_that_is_no_piece_costs_one_request_and_keeps_the_whole_storable(cdn):
    resource = Large(weak=True)
    cdn.origin.does("/large", resource)
    got = await cdn.get("/large", Range="bytes=5-9")
    assert (got.status, got.body) == (206, resource.body[5:10])
    assert got.fields["Content-Range"] == f"bytes 5-9/{resource.length}"
    assert resource.asked == [f"bytes=0-{SEGMENT - 1}"]
    assert ";stored" in (await cdn.get("/large")).cache_status[-1]
    whole = await cdn.get("/large")
    assert (whole.body, ";hit" in whole.cache_status[-1]) == (resource.body, True)
    part = await cdn.get("/large", Range="bytes=70000-70009")
    assert (part.body, ";hit" in part.cache_status[-1]) == (resource.body[70_000:70_010], True)
    assert len(resource.asked) == 2


@pytest.mark.parametrize(
    ("fields", "status", "first", "end"),
    [
        ({"Range": "bytes=65530-65545"}, 206, 65530, 65546),
        ({"Range": "bytes=-5"}, 206, 655455, 655460),
        ({"Range": "bytes=7-"}, 206, 7, 655460),
        ({"Range": "bytes=5-9", "If-None-Match": 'W/"1"'}, 304, 0, 0),
    ],
    ids=["beyond the piece", "at the end", "to the end", "If-None-Match"],
)
async def test_a_range_that_is_not_all_in_such_a_piece_is_asked_for(cdn, fields, status, first, end):
    resource = Large(weak=True)
    cdn.origin.does("/large", resource)
    got = await cdn.get("/large", **fields)
    assert (got.status, got.body) == (status, resource.body[first:end])
