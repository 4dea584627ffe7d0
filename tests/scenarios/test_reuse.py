"""What is stored answers later requests, through one tier and through two."""

from __future__ import annotations

import asyncio

import brotli
import pytest


async def test_a_second_request_is_a_hit_and_the_origin_sees_one(world):
    world.origin.answers("/a", b"hello", Cache_Control="max-age=60", ETag='"1"')
    first = await world.get("/a")
    second = await world.get("/a")
    assert (first.status, first.body) == (200, b"hello") == (second.status, second.body)
    assert "fwd=uri-miss" in first.cache_status[-1]
    assert ";hit" in second.cache_status[-1]
    assert len(world.origin.seen("/a")) == 1


async def test_age_is_the_sum_over_the_tiers(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=600", Age="100")
    await world.get("/a")
    world.pass_time(50)
    assert 150 <= int((await world.get("/a")).fields["Age"]) <= 152


async def test_a_stale_response_is_validated_and_a_304_freshens_it(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=10", ETag='"1"')
    await world.get("/a")
    world.pass_time(11)
    again = await world.get("/a")
    assert (again.status, again.body) == (200, b"x")
    assert [one.get("If-None-Match") for one in world.origin.seen("/a")] == [None, '"1"']
    assert ";hit" in (await world.get("/a")).cache_status[-1]


async def test_a_stale_response_that_changed_is_replaced(world):
    world.origin.answers("/a", b"old", Cache_Control="max-age=10", ETag='"1"')
    await world.get("/a")
    world.origin.answers("/a", b"new", Cache_Control="max-age=10", ETag='"2"')
    world.pass_time(11)
    assert (await world.get("/a")).body == b"new"
    assert (await world.get("/a")).body == b"new"


async def test_a_private_response_is_not_stored(world):
    world.origin.answers("/a", b"x", Cache_Control="private, max-age=60")
    await world.get("/a")
    await world.get("/a")
    assert len(world.origin.seen("/a")) == 2


async def test_variants_are_told_apart_by_vary(world):
    def script(request):
        language = request.get("Accept-Language") or ""
        return world.origin.answers(
            "/unused", language.encode(), Cache_Control="max-age=60", Vary="Accept-Language"
        )

    world.origin.does("/a", script)
    assert (await world.get("/a", Accept_Language="de")).body == b"de"
    other = await world.get("/a", Accept_Language="fr")
    assert other.body == b"fr"
    assert "fwd=vary-miss" in other.cache_status[-1]
    assert (await world.get("/a", Accept_Language="de")).body == b"de"
    assert len(world.origin.seen("/a")) == 2


async def test_hosts_are_sites_of_their_own(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=60")
    await world.get("/a", Host="one.example")
    await world.get("/a", Host="two.example")
    assert [one.get("Host") for one in world.origin.seen("/a")] == ["one.example", "two.example"]


async def test_many_clients_of_one_cold_object_cost_one_request(worlds):
    async with worlds(edges=3) as world:
        gate = asyncio.Event()
        world.origin.answers("/a", b"A" * 100_000, Cache_Control="max-age=60", gate=gate)
        asked = [asyncio.create_task(world.get("/a", at=index % 3)) for index in range(30)]
        await world.origin.has_seen("/a", 1)
        for edge in world.edges:
            async with asyncio.timeout(10):
                while edge.worker.tier.collapser.waiting < 9:
                    await asyncio.sleep(0.005)
        gate.set()
        got = await asyncio.gather(*asked)
        assert {one.body for one in got} == {b"A" * 100_000}
        assert len(world.origin.seen("/a")) == 1
        assert sum("collapsed" in one.cache_status[-1] for one in got) == 27


@pytest.mark.requirement("9111§4 collapsed-only-where-reuse-is-allowed")
async def test_waiters_of_a_response_that_cannot_be_stored_go_forward_at_once(world):
    gate = asyncio.Event()
    world.origin.answers("/a", b"mine", Cache_Control="no-store", gate=gate)
    asked = [asyncio.create_task(world.get("/a")) for _ in range(5)]
    await world.origin.has_seen("/a", 1)
    gate.set()
    assert {one.body for one in await asyncio.gather(*asked)} == {b"mine"}
    assert len(world.origin.seen("/a")) == 5


async def test_a_body_reaches_the_client_while_it_arrives(world):
    gate = asyncio.Event()
    world.origin.answers("/a", b"1" * 1000 + b"2" * 1000, Cache_Control="max-age=60", body_gate=gate)
    session, node = world.session, world.edges[0]
    async with session.get(f"{node.url}/a") as response:
        first = await asyncio.wait_for(response.content.readexactly(1000), 5)
        gate.set()
        rest = await response.content.read()
    assert (first, rest) == (b"1" * 1000, b"2" * 1000)
    assert ";hit" in (await world.get("/a", Host=f"{node.settings.listen}")).cache_status[-1]


async def test_text_is_coded_once_and_then_served_coded(worlds):
    async with worlds() as world:
        text = b"the quick brown fox " * 500
        world.origin.answers("/a", text, Cache_Control="max-age=60", Content_Type="text/plain", ETag='"v"')
        for _ in range(2):
            await world.get("/a", Accept_Encoding="br")
            await world.edges[0].worker.tier.coder.settle()
        coded = await world.get("/a", Accept_Encoding="gzip, br")
        assert coded.fields["Content-Encoding"] == "br"
        assert brotli.decompress(coded.body) == text
        assert "Accept-Encoding" in coded.fields["Vary"]
        plain = await world.get("/a")
        assert plain.body == text
        assert plain.fields["ETag"] != coded.fields["ETag"]
        assert len(world.origin.seen("/a")) == 1


async def test_a_node_restarted_on_its_data_serves_what_it_had(world):
    big = b"B" * 3_000_000
    world.origin.answers("/a", b"small", Cache_Control="max-age=600")
    world.origin.answers("/b", big, Cache_Control="max-age=600")
    await world.get("/a")
    await world.get("/b")
    for node in world.nodes:
        await node.restart()
    for target, body in (("/a", b"small"), ("/b", big)):
        again = await world.get(target)
        assert again.body == body
        assert ";hit" in again.cache_status[-1]
        assert len(world.origin.seen(target)) == 1


async def test_stale_while_revalidate_answers_at_once_and_asks_after(world):
    world.origin.answers("/a", b"old", Cache_Control="max-age=10, stale-while-revalidate=60", ETag='"1"')
    await world.get("/a")
    world.pass_time(11)
    world.origin.answers("/a", b"new", Cache_Control="max-age=10, stale-while-revalidate=60", ETag='"2"')
    assert (await world.get("/a")).body == b"old"
    await world.origin.has_seen("/a", 2)


async def test_only_if_cached_is_answered_504_when_nothing_is_stored(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=60")
    assert (await world.get("/a", Cache_Control="only-if-cached")).status == 504
    assert not world.origin.requests


async def test_a_conditional_request_is_answered_304_from_the_store(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=60", ETag='"1"')
    await world.get("/a")
    got = await world.get("/a", If_None_Match='"1"')
    assert (got.status, got.body) == (304, b"")
    assert got.fields["ETag"] == '"1"'


async def test_a_range_is_answered_from_the_store(world):
    world.origin.answers("/a", b"0123456789", Cache_Control="max-age=60", ETag='"1"')
    await world.get("/a")
    got = await world.get("/a", Range="bytes=2-4")
    assert (got.status, got.body, got.fields["Content-Range"]) == (206, b"234", "bytes 2-4/10")


@pytest.mark.requirement("9111§4 collapsed-only-where-reuse-is-allowed")
async def test_many_clients_of_cold_variants_cost_one_request_each(world):
    gate = asyncio.Event()

    async def script(request):
        await gate.wait()
        body = (request.get("Accept-Language") or "").encode()
        return world.origin.answers("/unused", body, Cache_Control="max-age=60", Vary="Accept-Language")

    world.origin.does("/a", script)
    asked = [
        asyncio.create_task(world.get("/a", Accept_Language=("de", "fr")[index % 2])) for index in range(20)
    ]
    await world.origin.has_seen("/a", 1)
    async with asyncio.timeout(10):
        while world.edges[0].worker.tier.collapser.waiting < 19:
            await asyncio.sleep(0.005)
    gate.set()
    got = await asyncio.gather(*asked)
    assert [one.body for one in got] == [b"de", b"fr"] * 10
    assert len(world.origin.seen("/a")) == 2
