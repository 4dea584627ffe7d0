"""No client gets what an acknowledged order covers: each way in which an old body could come back, played."""

from __future__ import annotations

import asyncio
import threading

import pytest

from httpcache.serve import codecs, worker
from tests.purge.nodes import until
from tests.scenarios.test_purge import purge

URL = "http://site.example/a"


class Gate:
    """An answer of the origin under way: asked for, and held back until it is let go."""

    def __init__(self, world, target="/a", body=b"old", **line):
        self._world, self._target = world, target
        self._event = asyncio.Event()
        self._before = len(world.origin.seen(target))
        world.origin.answers(target, body, gate=self._event, **line)

    async def is_asked(self):
        await self._world.origin.has_seen(self._target, self._before + 1)

    def let_go(self):
        self._event.set()


FETCHES = [
    ("stored", {"Cache_Control": "max-age=600"}, False),
    ("stored, ordered softly", {"Cache_Control": "max-age=600"}, True),
    ("not stored", {"Cache_Control": "no-store"}, False),
    ("found by its tag alone", {"Cache_Control": "max-age=600", "Surrogate_Key": "news"}, False),
]


@pytest.mark.parametrize(("fields", "soft"), [row[1:] for row in FETCHES], ids=[row[0] for row in FETCHES])
async def test_a_fetch_under_way_is_asked_again(world, fields, soft):
    gate = Gate(world, **fields)
    waiting = asyncio.create_task(world.get("/a"))
    await gate.is_asked()
    await purge(world, *(("tag", "news") if "Surrogate_Key" in fields else ("url", URL)), soft=soft)
    world.origin.answers("/a", b"new", **fields)
    gate.let_go()
    assert (await waiting).body == b"new"
    assert (await world.get("/a")).body == b"new"


async def test_one_that_goes_forward_alone_is_asked_again(world):
    world.origin.answers("/a", b"old", Cache_Control="no-store")
    await world.get("/a")  # from now on requests for it do not wait for each other
    gate = Gate(world, Cache_Control="no-store")
    waiting = asyncio.create_task(world.get("/a"))
    await gate.is_asked()
    await purge(world, "url", URL)
    world.origin.answers("/a", b"new", Cache_Control="no-store")
    gate.let_go()
    assert (await waiting).body == b"new"


async def test_a_head_under_way_is_asked_again(world):
    gate = Gate(world, Cache_Control="max-age=600", X_Version="old")
    waiting = asyncio.create_task(world.get("/a", method="HEAD"))
    await gate.is_asked()
    await purge(world, "url", URL)
    world.origin.answers("/a", b"new", Cache_Control="max-age=600", X_Version="new")
    gate.let_go()
    assert (await waiting).fields["X-Version"] == "new"


async def test_whoever_waits_for_a_fetch_under_way_gets_the_new(world):
    gate = Gate(world, Cache_Control="max-age=600")
    waiting = [asyncio.create_task(world.get("/a")) for _ in range(5)]
    await gate.is_asked()
    await purge(world, "url", URL)
    world.origin.answers("/a", b"new", Cache_Control="max-age=600")
    late = [asyncio.create_task(world.get("/a")) for _ in range(3)]
    gate.let_go()
    assert {got.body for got in await asyncio.gather(*waiting, *late)} == {b"new"}


async def test_nobody_joins_a_body_that_was_arriving_when_the_order_came(world):
    arriving = asyncio.Event()
    world.origin.answers("/a", b"old" * 2000, Cache_Control="max-age=600", body_gate=arriving)
    first = asyncio.create_task(world.get("/a"))
    await world.origin.has_seen("/a", 1)
    await purge(world, "url", URL)
    world.origin.answers("/a", b"new", Cache_Control="max-age=600")
    assert (await world.get("/a")).body == b"new"
    arriving.set()
    await first
    assert (await world.get("/a")).body == b"new"


@pytest.mark.parametrize("etag", [{}, {"ETag": '"1"'}], ids=["a full response", "a 304"])
async def test_a_background_refresh_under_way_brings_nothing_back(world, etag):
    fields = {"Cache_Control": "max-age=1, stale-while-revalidate=600", **etag}
    world.origin.answers("/a", b"old", **fields)
    await world.get("/a")
    world.pass_time(10)
    gate = Gate(world, **fields)
    assert (await world.get("/a")).body == b"old"
    await gate.is_asked()
    await purge(world, "url", URL)
    world.origin.answers("/a", b"new", Cache_Control="max-age=600")
    gate.let_go()
    assert (await world.get("/a")).body == b"new"
    for node in world.nodes:
        await node.worker.transactions.drain()
    assert (await world.get("/a")).body == b"new"


async def test_a_304_under_way_does_not_freshen_what_an_order_wants_gone(world):
    fields = {"Cache_Control": "max-age=1", "ETag": '"1"'}
    world.origin.answers("/a", b"old", **fields)
    await world.get("/a")
    world.pass_time(10)
    gate = Gate(world, **fields)
    waiting = asyncio.create_task(world.get("/a"))
    await gate.is_asked()
    await purge(world, "url", URL)
    # The worst of origins: what has changed keeps its entity tag. Only asking without conditions brings it.
    world.origin.answers("/a", b"new", **fields)
    gate.let_go()
    assert (await waiting).body == b"new"
    world.pass_time(10)
    assert (await world.get("/a")).body == b"new"


async def test_a_failure_after_the_order_does_not_bring_the_stale_response_back(world):
    world.origin.answers("/a", b"old", Cache_Control="max-age=1, stale-if-error=600")
    await world.get("/a")
    world.pass_time(10)
    gate = Gate(world, status=503)
    waiting = asyncio.create_task(world.get("/a"))
    await gate.is_asked()
    await purge(world, "url", URL)
    gate.let_go()
    assert (await waiting).status == 503


async def test_parts_of_what_an_order_wants_gone_are_gone(world):
    fields = {"Cache_Control": "max-age=600", "ETag": '"1"', "Accept_Ranges": "bytes"}
    world.origin.answers("/a", b"old" * 1000, **fields)
    assert (await world.get("/a", Range="bytes=3-5")).body == b"old"
    assert (await world.get("/a", Range="bytes=0-2")).body == b"old"
    await purge(world, "url", URL)
    world.origin.answers("/a", b"new" * 1000, **fields)
    for first in (0, 3, 0):
        assert (await world.get("/a", Range=f"bytes={first}-{first + 2}")).body == b"new"


async def test_a_coded_form_goes_with_what_it_is_of_also_when_it_is_made_while_the_order_comes(
    world, monkeypatch
):
    hold, finish = threading.Event(), codecs.Encoder.finish

    def slowly(encoder):
        hold.wait(10)
        return finish(encoder)

    monkeypatch.setattr(codecs.Encoder, "finish", slowly)
    fields = {"Cache_Control": "max-age=600", "Content_Type": "text/plain"}
    world.origin.answers("/a", b"old " * 1000, **fields)
    await world.get("/a", Accept_Encoding="br")
    await purge(world, "url", URL)
    world.origin.answers("/a", b"new " * 1000, **fields)
    hold.set()
    await world.edges[0].worker.tier.coder.settle()
    assert (await world.get("/a", Accept_Encoding="identity")).body == b"new " * 1000
    coded = [await world.get("/a", Accept_Encoding="br") for _ in range(3)]
    await world.edges[0].worker.tier.coder.settle()
    coded.append(await world.get("/a", Accept_Encoding="br"))
    assert coded[-1].fields["Content-Encoding"] == "br"
    assert {codecs.brotli.decompress(got.body) for got in coded if "Content-Encoding" in got.fields} == {
        b"new " * 1000
    }


@pytest.fixture
def impatient(monkeypatch):
    """A shield that is behind is not waited for long."""
    monkeypatch.setattr(worker, "CATCH_UP", 0.05)


def deaf(node):
    """A node that no longer hears the log: every order comes, and none gets through to it."""

    async def ignored(taken, read_at):
        pass

    node.worker.follower._apply = ignored


async def behind(world, at):
    """Targets whose first shield is shield `at`."""
    servers = world.edges[0].worker.tier.wiring.route.servers
    url = world.shields[at].url
    return (f"/a{n}" for n in range(1000) if servers("site.example", f"http://site.example/a{n}")[0] == url)


async def test_a_second_shield_that_is_behind_gives_nothing_old_to_edges_that_are_not(worlds, impatient):
    async with worlds(edges=2, shields=2) as world:
        targets = await behind(world, 1)
        stored, under_way, failing = next(targets), next(targets), next(targets)
        for target in (stored, failing):
            world.origin.answers(target, b"old", Cache_Control="max-age=600, stale-if-error=600")
            for at in (0, 1):
                await world.get(target, at=at)
        assert [len(world.origin.seen(target)) for target in (stored, failing)] == [1, 1]
        deaf(world.shields[1])
        gate = Gate(world, under_way, Cache_Control="max-age=600")
        first = asyncio.create_task(world.get(under_way, at=0))
        await gate.is_asked()
        assert not (await purge(world, "everything", wait=0.3))["confirmed"]
        for target in (stored, under_way):
            world.origin.answers(target, b"new", Cache_Control="max-age=600")
        world.origin.answers(failing, b"", status=503)
        assert (await world.get(under_way, at=1)).body == b"new"
        gate.let_go()
        assert (await first).body == b"new"
        for at in (0, 1):
            assert (await world.get(stored, at=at)).body == b"new"
            assert (await world.get(failing, at=at)).status == 503


async def test_an_order_is_confirmed_by_every_shield_and_edge(worlds):
    async with worlds(edges=2, shields=3) as world:
        receipt = await purge(world, "everything")
        assert receipt["confirmed"]
        assert [row["node"] for row in receipt["nodes"]] == [
            "edge-1",
            "edge-2",
            "shield",
            "shield-2",
            "shield-3",
        ]


MODES = [
    ("validate", 200, b"new", "purge-log-silent"),
    ("serve-stale", 200, b"old", "purge-log-silent-tolerated"),
    ("refuse", 503, None, "purge-log-silent"),
]


@pytest.mark.parametrize(("mode", "status", "body", "detail"), MODES, ids=[mode[0] for mode in MODES])
async def test_an_edge_that_is_cut_off_for_too_long(worlds, mode, status, body, detail):
    limits = {"lag_limit": 0.4, "heartbeat": 0.1, "when_cut_off": mode}
    async with worlds(linked=True, purge=limits) as world:
        edge, fields = world.edges[0], {"Cache_Control": "max-age=600", "ETag": '"1"'}
        world.origin.answers("/a", b"old", **fields)
        await world.get("/a")
        assert ";hit" in (await world.get("/a")).cache_status[-1]
        world.link.cut()
        assert not (await purge(world, "url", URL, wait=0.1))["confirmed"]
        world.origin.answers("/a", b"new", **(fields | {"ETag": '"2"'}))
        await until(lambda: edge.worker.watermarks.is_silent, 20)
        for _ in range(2):
            got = await world.get("/a")
            assert got.status == status
            assert f"detail={detail}" in got.cache_status[-1]
            assert body in (None, got.body)
        async with world.session.get(f"{edge.admin_url}/readyz") as ready:
            assert ready.status == 503
            assert (await ready.json())["workers"][0]["cut_off"] is True
        world.link.mend()
        await until(lambda: edge.worker.follower.is_following, 20)
        assert (await world.get("/a")).body == b"new"
        assert ";hit" in (await world.get("/a")).cache_status[-1]
        async with world.session.get(f"{edge.admin_url}/readyz") as ready:
            assert ready.status == 200


@pytest.mark.parametrize("lost", ["compacted", "another epoch"])
async def test_an_edge_that_has_missed_what_the_log_no_longer_has_validates_all(worlds, bus, lost):
    async with worlds() as world:
        fields = {"Cache_Control": "max-age=600", "ETag": '"1"'}
        world.origin.answers("/a", b"body", **fields)
        await world.get("/a")
        await world.edges[0].stop()
        await purge(world, "tag", "other", wait=0)
        await purge(world, "tag", "other", wait=0)
        await (bus.compact if lost == "compacted" else bus.lose)(world)
        await world.edges[0].start()
        got = await world.get("/a")
        assert "fwd=stale" in got.cache_status[-1] and "detail=purge-log-lost" in got.cache_status[-1]
        assert ";hit" in (await world.get("/a")).cache_status[-1]
