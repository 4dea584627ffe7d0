"""HEAD says what a GET would have said, and many at once cost one request."""

from __future__ import annotations

import asyncio
import gzip
import hashlib

import pytest

from tests.scenarios.origin import Line

TEXT = " ".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(400)).encode()
TOLD = ("Content-Encoding", "ETag", "Vary", "Content-Type", "Accept-Ranges")
PLAIN = {"Content_Type": "text/plain", "Cache_Control": "max-age=600", "ETag": '"v0"'}


def told(got) -> dict[str, str | None]:
    return {name: got.fields.get(name) for name in TOLD}


def heads(world, count: int, **fields: str) -> list[asyncio.Task]:
    return [asyncio.create_task(world.get("/a", method="HEAD", **fields)) for _ in range(count)]


async def waiting(world, count: int) -> None:
    async with asyncio.timeout(10):
        while world.edges[0].worker.tier.collapser.waiting < count:
            await asyncio.sleep(0.005)


async def test_many_heads_of_one_cold_key_cost_one_request(world):
    gate = asyncio.Event()
    world.origin.answers("/a", TEXT, gate=gate, **PLAIN)
    asked = [*heads(world, 50), *heads(world, 50, If_None_Match='"v0"')]
    await waiting(world, 99)
    gate.set()
    got = await asyncio.gather(*asked)
    assert [one.status for one in got] == [200] * 50 + [304] * 50
    assert {one.fields["Content-Length"] for one in got[:50]} == {str(len(TEXT))}
    assert sum("collapsed" in one.cache_status[-1] for one in got) == 99
    assert [one.method for one in world.origin.seen("/a")] == ["HEAD"]


async def test_many_heads_of_a_stale_response_cost_one_request_and_freshen_it(world):
    world.origin.answers("/a", TEXT, **PLAIN)
    await world.get("/a")
    world.pass_time(601)
    gate = asyncio.Event()
    world.origin.answers("/a", TEXT, gate=gate, **PLAIN)
    asked = heads(world, 10)
    await waiting(world, 9)
    gate.set()
    assert {one.status for one in await asyncio.gather(*asked)} == {200}
    assert ";hit" in (await world.get("/a")).cache_status[-1]
    assert [one.method for one in world.origin.seen("/a")] == ["GET", "HEAD"]


@pytest.mark.parametrize("who", [{"Cache_Control": "no-store"}, {"Authorization": "Bearer x"}])
async def test_heads_for_one_client_wait_for_nobody(world, who):
    gate = asyncio.Event()
    world.origin.answers("/a", TEXT, gate=gate, **PLAIN)
    asked = heads(world, 3, **who)
    await world.origin.has_seen("/a", 3)
    gate.set()
    assert {one.status for one in await asyncio.gather(*asked)} == {200}


async def test_heads_of_what_is_not_stored_are_released_at_once(world):
    gates = [asyncio.Event(), *[asyncio.Event()] * 9]
    left = list(gates)
    world.origin.does(
        "/a", lambda _: Line(body=b"x", fields=[("Cache-Control", "private")], gate=left.pop(0))
    )
    asked = heads(world, 5)
    await waiting(world, 4)
    gates[0].set()
    await world.origin.has_seen("/a", 5)
    late = heads(world, 2)
    await world.origin.has_seen("/a", 7)
    gates[1].set()
    assert {one.status for one in await asyncio.gather(*asked, *late)} == {200}


async def test_an_origin_that_answers_no_head_is_no_reason_not_to_store_a_get(world):
    def script(request):
        refused = Line(405, fields=[("Allow", "GET")])
        return (
            refused if request.method == "HEAD" else Line(body=b"x", fields=[("Cache-Control", "max-age=9")])
        )

    world.origin.does("/a", script)
    assert (await world.get("/a", method="HEAD")).status == 405
    assert ";stored" in (await world.get("/a")).cache_status[-1]


async def test_heads_that_want_different_variants_get_each_its_own(world):
    def script(request):
        fields = [("Cache-Control", "max-age=60"), ("Vary", "Accept-Language")]
        return Line(
            body=b"x", fields=[*fields, ("Content-Language", request.get("Accept-Language") or "")], gate=gate
        )

    gate = asyncio.Event()
    world.origin.does("/a", script)
    asked = [*heads(world, 3, Accept_Language="de"), *heads(world, 3, Accept_Language="fr")]
    await waiting(world, 5)
    gate.set()
    got = await asyncio.gather(*asked)
    assert [one.fields["Content-Language"] for one in got] == ["de"] * 3 + ["fr"] * 3


@pytest.mark.requirement("9110§9.3.2 head-agrees-with-get")
@pytest.mark.parametrize("accepts", ["gzip", "br", "identity"])
@pytest.mark.parametrize("coding", ["gzip", ""])
@pytest.mark.parametrize("is_stale", [False, True], ids=["cold", "stale, with forms"])
async def test_head_agrees_with_get(world, accepts, coding, is_stale):
    body = gzip.compress(TEXT) if coding else TEXT
    fields = {**PLAIN, "Content_Encoding": coding} if coding else PLAIN
    world.origin.answers("/a", body, **fields)
    if is_stale:
        for _ in range(2):
            await world.get("/a", Accept_Encoding=accepts)
            for node in world.nodes:
                await node.worker.tier.coder.settle()
        world.pass_time(601)
    head = await world.get("/a", method="HEAD", Accept_Encoding=accepts)
    assert world.origin.seen("/a")[-1].method == "HEAD"
    got = await world.get("/a", Accept_Encoding=accepts)
    assert told(head) == told(got)
    assert head.fields.get("Content-Length") in (None, str(len(got.body)))
    assert got.fields["Vary"] == "Accept-Encoding"
