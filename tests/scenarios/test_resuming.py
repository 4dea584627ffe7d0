"""Bodies that break off, or of which octets are lost, go on from there: of the same representation, or not at all."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from httpcache.rules.collapsing import Apart
from tests.scenarios.ranged import SEGMENT, Large
from tests.scenarios.test_faults import flipped, segments
from tests.store.opening import settled

SHAPE = {
    "store": {"ram": "1MiB", "disk": "64MiB", "segment": "64KiB"},
    "fetch": {"whole_up_to": "128KiB", "down_for": 0.01, "resumptions": 2},
}
LENGTH = 20 * SEGMENT + 100
"""More than the RAM store takes."""


@pytest.fixture(params=[1, 2], ids=["one tier", "two tiers"])
async def cdn(request, worlds):
    async with worlds(tiers=request.param, **SHAPE) as world:
        yield world


def large(cdn, **about) -> Large:
    resource = Large(length=LENGTH, **about)
    cdn.origin.does("/large", resource)
    return resource


async def stored(cdn) -> None:
    """Wait for what goes on after answers, until all is on disk."""
    for node in cdn.nodes:
        await node.worker.transactions.drain()
        await settled(node.worker.store)


async def received(cdn, fields: str = "") -> bytes:
    """What a client receives of a body, whole or not."""
    host, port = cdn.edges[0].settings.listen.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /large HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n{fields}\r\n".encode())
    assert b"HTTP/1.1 20" in await reader.readuntil(b"\r\n\r\n")
    body = await asyncio.wait_for(reader.read(-1), 20)
    writer.close()
    return body


async def test_a_body_that_breaks_off_goes_on_from_there_and_is_stored_whole(cdn):
    resource = large(cdn, cuts=[100_000, 300_000])
    every = await asyncio.gather(*(cdn.get("/large") for _ in range(5)))
    assert all((one.status, one.body) == (200, resource.body) for one in every)
    assert resource.asked == [None, *(f"bytes={at}-{LENGTH - 1}" for at in (100_000, 400_000))]
    assert cdn.origin.seen("/large")[1].get("If-Range") == '"1"'
    await stored(cdn)
    again = await cdn.get("/large")
    assert again.body == resource.body
    assert again.cache_status[-1].startswith("edge-1;hit")


async def test_a_body_that_breaks_off_again_and_again_is_asked_for_so_often_and_no_more(worlds):
    async with worlds(tiers=1, **SHAPE) as cdn:
        resource = large(cdn, cuts=[100_000] * 9)
        assert await received(cdn) == resource.body[:300_000]
        assert len(resource.asked) == 1 + 2


@pytest.mark.parametrize("about", [{"weak": True}, {"deaf": True}], ids=["weak tag", "no ranges"])
async def test_a_body_whose_rest_cannot_be_told_to_belong_to_it_ends_where_it_broke_off(worlds, about):
    async with worlds(tiers=1, **SHAPE) as cdn:
        resource = large(cdn, cuts=[100_000], **about)
        assert await received(cdn) == resource.body[:100_000]
        assert len(resource.asked) == (1 if resource.weak else 2)


@pytest.mark.parametrize("obeys_if_range", [True, False])
async def test_a_body_that_breaks_off_and_has_changed_ends_there_and_is_never_a_blend(cdn, obeys_if_range):
    resource = large(cdn, cuts=[100_000], obeys_if_range=obeys_if_range)
    old = resource.body

    def change(_):
        if resource.asked:
            resource.version = 2

    resource.hook = change
    got = await received(cdn)
    assert old.startswith(got)
    assert len(got) == 100_000
    assert (await cdn.get("/large")).body == resource.body


async def test_a_piece_that_breaks_off_goes_on_from_there(cdn):
    resource = large(cdn, cuts=[1000])
    got = await cdn.get("/large", Range=f"bytes={SEGMENT + 5}-{SEGMENT + 9_999}")
    assert (got.status, got.body) == (206, resource.body[SEGMENT + 5 : SEGMENT + 10_000])
    assert resource.asked == [f"bytes={at}-{2 * SEGMENT - 1}" for at in (SEGMENT, SEGMENT + 1000)]
    await stored(cdn)
    again = await cdn.get("/large", Range=f"bytes={SEGMENT}-{SEGMENT + 9}")
    assert again.body == resource.body[SEGMENT : SEGMENT + 10]
    assert again.cache_status[-1].startswith("edge-1;hit")


async def test_a_shield_that_ends_in_the_middle_of_a_body_costs_its_edges_clients_nothing(worlds):
    shape = {**SHAPE, "fetch": {"down_for": 0.05, "resumptions": 30}}
    async with worlds(tiers=2, **shape) as cdn:
        gate = asyncio.Event()
        resource = large(cdn)
        line = cdn.origin.answers(
            "/large", resource.body, ETag='"1"', Cache_Control="max-age=60", body_gate=gate
        )
        asked = asyncio.create_task(cdn.get("/large"))
        await cdn.origin.has_seen("/large", 1)
        await until(lambda: any(one.received for one in arriving(cdn.edges[0])))
        for one in list(cdn.shield.worker.http.web_server.connections):
            one.transport.abort()
        gate.set()
        line.body_gate = None
        assert (await asked).body == resource.body


@pytest.mark.parametrize("asked", ["", "Range: bytes=70000-\r\n", "Range: bytes=5-9, 70000-900000\r\n"])
async def test_a_stored_segment_that_is_lost_under_way_is_asked_for_alone(cdn, asked):
    resource = large(cdn)
    assert (await cdn.get("/large")).body == resource.body
    await stored(cdn)
    before = await received(cdn, asked)
    flipped(segments(cdn.edges[0])[7])
    after = await received(cdn, asked)
    parts = asked.count(",")
    assert len(after) == len(before)
    assert parts or after == before
    if len(cdn.nodes) == 1:
        assert resource.asked == [None, f"bytes={7 * SEGMENT}-{8 * SEGMENT - 1}"]
    else:
        assert resource.asked == [None], "the shield has it"


@pytest.mark.parametrize("about", [{"version": 2}, {"weak": True}, {"deaf": True}])
async def test_a_stored_segment_that_is_lost_and_cannot_be_had_again_breaks_the_answer_off(worlds, about):
    async with worlds(tiers=1, **SHAPE) as cdn:
        resource = large(cdn, weak=bool(about.get("weak")))
        old = resource.body
        assert (await cdn.get("/large")).body == old
        await stored(cdn)
        flipped(segments(cdn.edges[0])[7])
        for name, value in about.items():
            setattr(resource, name, value)
        assert await received(cdn) == old[: 7 * SEGMENT]
        assert (await cdn.get("/large")).body == resource.body


async def test_a_piece_that_is_held_and_lost_is_asked_for_like_one_that_was_never_held(cdn):
    resource = large(cdn)
    for index in (0, 1, 2, 3):
        await cdn.get("/large", Range=f"bytes={index * SEGMENT}-{index * SEGMENT + 9}")
        await stored(cdn)
    flipped(segments(cdn.edges[0])[1])
    got = await cdn.get("/large", Range=f"bytes=0-{6 * SEGMENT - 1}")
    assert (got.status, got.body) == (206, resource.body[: 6 * SEGMENT])


@pytest.mark.parametrize("fields", ["", "Range: bytes=5-299999\r\n"], ids=["the whole", "a range"])
async def test_a_body_that_nobody_stores_goes_on_from_there_too(cdn, fields):
    resource = large(cdn, cuts=[100_000], cache_control="no-store")
    wanted = resource.body[5:300_000] if fields else resource.body
    first, end = (5, 300_000) if fields else (0, LENGTH)
    for node in cdn.nodes:
        node.worker.tier.collapser.keep_apart(("http://site.example/large", Apart.EVERYONE), float("inf"))
    assert await received(cdn, fields) == wanted
    assert resource.asked[-1] == f"bytes={first + 100_000}-{end - 1}"


async def test_a_body_that_nobody_stores_and_that_has_changed_ends_where_it_broke_off(cdn):
    resource = large(cdn, cuts=[100_000], cache_control="no-store")
    old = resource.body

    def change(_):
        if resource.asked:
            resource.version = 2

    resource.hook = change
    got = await received(cdn)
    assert len(got) <= 100_000 and old.startswith(got)
    assert len(resource.asked) > 1


async def test_a_lost_segment_of_what_is_coded_as_it_is_sent_is_asked_for(worlds):
    async with worlds(tiers=1, **SHAPE) as cdn:
        resource = large(cdn)

        def text(request):
            line = resource(request)
            line.fields.append(("Content-Type", "text/plain"))
            return line

        cdn.origin.does("/large", text)
        await cdn.get("/large")
        await stored(cdn)
        flipped(segments(cdn.edges[0])[7])
        got = await cdn.get("/large", Accept_Encoding="identity;q=0, gzip")
        assert got.fields["Content-Encoding"] == "gzip"
        assert gzip.decompress(got.body) == resource.body
        assert resource.asked == [None, f"bytes={7 * SEGMENT}-{8 * SEGMENT - 1}"]


def arriving(node) -> list:
    """The bodies that are on their way into a node."""
    collapser = node.worker.tier.collapser
    landed = [collapser.landing(key) for key in list(collapser._in_flight)]
    return [one.arriving for one in landed if one is not None and one.arriving is not None]


async def until(condition) -> None:
    """Wait for what other tasks bring about."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)
