"""Plays of clients and next hops that want too much, or are too slow: each limit, over raw sockets."""

from __future__ import annotations

import asyncio
import time

import pytest
import uvloop

from tests.scenarios.origin import Line
from tests.scenarios.raw_client import raw_client

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy. fixture")


@pytest.fixture
def event_loop_policy():
    """The event loop that nodes run on: whether octets wait, and for whom, is its business."""
    return uvloop.EventLoopPolicy()


GET = "GET /a HTTP/1.1\r\nHost: site.example\r\n"


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def node(world) -> str:
    return world.edges[0].url


def limits(**serve):
    return {"tiers": 1, "serve": {"drain": 1, **serve}}


@pytest.mark.parametrize("begun", ["G", GET, "GET /a HTTP/1.1\r\nHost: site.example\r\nX-Long: abc"])
async def test_a_head_that_does_not_end_is_answered_with_408(worlds, begun):
    async with worlds(**limits(head_timeout=0.3)) as world, raw_client(node(world)) as client:
        await client.says(begun)
        assert status(await client.hears()) == 408


async def test_a_head_that_comes_octet_by_octet_gets_no_more_time_for_that(worlds):
    async with worlds(**limits(head_timeout=0.4)) as world, raw_client(node(world)) as client:
        began = time.monotonic()
        heard = asyncio.create_task(client.hears())
        for octet in GET * 100:
            if heard.done():
                break
            await client.says(octet)
            await asyncio.sleep(0.02)
        assert status(await heard) == 408
        assert time.monotonic() - began < 5


async def test_the_time_for_a_head_begins_anew_with_each_request(worlds):
    async with worlds(**limits(head_timeout=1.0)) as world, raw_client(node(world)) as client:
        world.origin.answers("/a", b"ok", Cache_Control="max-age=60")
        for _ in range(4):  # each is quick enough, and all together would not be
            await client.says(GET)
            await asyncio.sleep(0.3)
            await client.says("\r\n")
            assert status(await client.hears_an_answer()) == 200
        await client.says("GET")
        assert status(await client.hears()) == 408


async def test_a_connection_that_never_says_anything_is_closed_without_a_word(worlds):
    async with worlds(**limits(head_timeout=0.3)) as world, raw_client(node(world)) as client:
        assert await client.hears() == b""


async def test_an_idle_connection_is_closed_after_its_own_time(worlds):
    async with (
        worlds(**limits(head_timeout=60, idle_timeout=0.3)) as world,
        raw_client(node(world)) as client,
    ):
        world.origin.answers("/a", b"ok", Cache_Control="max-age=60")
        await client.says(GET + "\r\n")
        assert (await client.hears()).endswith(b"ok")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("GET /" + "a" * 600 + " HTTP/1.1\r\nHost: site.example\r\n\r\n", 414),
        ("GET /" + "a" * 6000 + " HTTP/1.1\r\nHost: site.example\r\n\r\n", 414),
        (GET + "X-Long: " + "a" * 5000 + "\r\n\r\n", 431),
        (GET + "".join(f"X-{n}: {'a' * 500}\r\n" for n in range(10)) + "\r\n", 431),
        (GET + "".join(f"X-{n}: a\r\n" for n in range(20)) + "\r\n", 431),
        ("BREW /" + "a" * 600 + " HTTP/1.1\r\nHost: site.example\r\n\r\n", 414),
        ("BREW / HTTP/1.1\r\nHost: site.example\r\nX-Long: " + "a" * 5000 + "\r\n\r\n", 431),
    ],
    ids=[
        "target", "target beyond the line", "field", "all fields together", "number of fields",
        "target of another method", "field of another method",
    ],
)  # fmt: skip
async def test_a_head_that_is_too_large_is_refused(worlds, said, expected):
    async with worlds(**limits(head_size="4KiB", url_length=512, fields=16)) as world:
        async with raw_client(node(world)) as client:
            await client.says(said)
            assert status(await client.hears()) == expected
        assert world.origin.requests == []


async def test_a_head_without_end_is_refused_while_it_comes(worlds):
    async with (
        worlds(**limits(head_size="4KiB", fields=1000)) as world,
        raw_client(node(world)) as client,
    ):
        await client.says(GET)
        heard = asyncio.create_task(client.hears())
        for n in range(60):
            await client.says(f"X-{n}: {'a' * 100}\r\n")
            await asyncio.sleep(0.002)
        assert status(await heard) == 431


async def test_content_larger_than_a_head_may_be_is_no_head(worlds):
    async with (
        worlds(**limits(head_size="4KiB", head_timeout=0.3)) as world,
        raw_client(node(world)) as client,
    ):
        world.origin.answers("/a", b"done")
        await client.says("POST /a HTTP/1.1\r\nHost: site.example\r\nContent-Length: 50000\r\n\r\n")
        for _ in range(50):
            await client.says("a" * 1000)
            await asyncio.sleep(0.01)
        assert (await client.hears_an_answer()).endswith(b"done")


async def test_a_request_body_that_falls_silent_is_answered_with_408(worlds):
    async with worlds(**limits(body_timeout=0.3)) as world, raw_client(node(world)) as client:
        await client.says("POST /a HTTP/1.1\r\nHost: site.example\r\nContent-Length: 1000\r\n\r\nabc")
        assert status(await client.hears_an_answer()) == 408


async def test_a_request_body_that_trickles_in_is_answered_with_408(worlds):
    async with (
        worlds(**limits(minimum_rate=1000, rate_window=0.4)) as world,
        raw_client(node(world)) as client,
    ):
        await client.says("POST /a HTTP/1.1\r\nHost: site.example\r\nContent-Length: 1000\r\n\r\n")
        heard = asyncio.create_task(client.hears_an_answer())
        while not heard.done():
            await client.says("a")
            await asyncio.sleep(0.02)
        assert status(await heard) == 408


async def test_a_request_body_that_keeps_the_rate_may_take_longer_than_its_window(worlds):
    async with worlds(**limits(minimum_rate=100, rate_window=0.2, body_timeout=5)) as world:
        world.origin.answers("/a", b"done")
        async with raw_client(node(world)) as client:
            await client.says("POST /a HTTP/1.1\r\nHost: site.example\r\nContent-Length: 5000\r\n\r\n")
            for _ in range(50):
                await client.says("a" * 100)
                await asyncio.sleep(0.01)
            assert (await client.hears_an_answer()).endswith(b"done")


@pytest.mark.parametrize("framing", ["Content-Length: 3000", "Transfer-Encoding: chunked"])
async def test_a_request_body_that_is_too_large_is_refused(worlds, framing):
    async with worlds(**limits(request_body=2000)) as world, raw_client(node(world)) as client:
        world.origin.answers("/a", b"done")
        await client.says(f"POST /a HTTP/1.1\r\nHost: site.example\r\n{framing}\r\n\r\n")
        heard = asyncio.create_task(client.hears_an_answer())
        for _ in range(3):
            await client.says("3e8\r\n" + "a" * 1000 + "\r\n" if "chunked" in framing else "a" * 1000)
        assert status(await heard) == 413


LARGE = b"x" * 30_000_000


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "passed on"])
async def test_a_client_that_takes_nothing_is_cut_off(worlds, stored):
    async with worlds(**limits(send_timeout=0.4, rate_window=60)) as world:
        world.origin.answers("/a", LARGE, Cache_Control="max-age=60" if stored else "no-store")
        if stored:
            await world.get("/a")
        async with raw_client(node(world), receive=4096) as client:
            await client.says(GET + "\r\n")
            assert await client.is_cut_off()


async def test_a_client_that_asks_again_and_again_and_reads_nothing_is_cut_off(worlds):
    async with worlds(**limits(send_timeout=0.5)) as world:
        world.origin.answers("/a", b"x" * 100_000, Cache_Control="max-age=60")
        await world.get("/a")
        async with raw_client(node(world), receive=4096) as client:
            client.writer.write((GET + "\r\n").encode() * 1000)
            assert await client.is_cut_off()


async def test_a_client_that_reads_slower_than_the_minimum_rate_is_cut_off(worlds):
    async with worlds(**limits(minimum_rate="50MiB", rate_window=0.5)) as world:
        world.origin.answers("/a", LARGE, Cache_Control="max-age=60")
        await world.get("/a")
        async with raw_client(node(world), receive=4096) as client:
            await client.says(GET + "\r\n")
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                for _ in range(1000):
                    await client.reader.readexactly(3000)
                    await asyncio.sleep(0.01)


async def test_a_client_that_reads_at_its_own_pace_gets_everything(worlds):
    async with worlds(**limits(minimum_rate=1000, rate_window=0.2, send_timeout=10)) as world:
        world.origin.answers("/a", LARGE[:8_000_000], Cache_Control="max-age=60")
        async with raw_client(node(world), receive=65536) as client:
            await client.says(GET + "Connection: close\r\n\r\n")
            seen = 0
            while data := await client.reader.read(100_000):
                seen += len(data)
                await asyncio.sleep(0.005)
            assert seen > 8_000_000


async def test_one_connection_too_many_is_told_so(worlds):
    async with worlds(**limits(connections=2)) as world:
        gate = asyncio.Event()
        world.origin.answers("/a", b"ok", gate=gate)
        async with raw_client(node(world)) as one, raw_client(node(world)) as two:
            await one.says(GET + "\r\n")
            await two.says(GET + "\r\n")
            await world.origin.has_seen("/a", 1)
            async with raw_client(node(world)) as three:
                await three.says(GET + "X-More: " + "x" * 5000 + "\r\n\r\n")
                assert status(await three.hears()) == 503
            gate.set()
            assert status(await one.hears_an_answer()) == 200
            assert status(await two.hears_an_answer()) == 200


async def test_an_idle_connection_makes_room_for_a_new_one(worlds):
    async with worlds(**limits(connections=2)) as world:
        world.origin.answers("/a", b"ok", Cache_Control="max-age=60")
        async with raw_client(node(world)) as one, raw_client(node(world)) as two:
            for client in (one, two):
                await client.says(GET + "\r\n")
                assert status(await client.hears_an_answer()) == 200
            async with raw_client(node(world)) as three:
                await three.says(GET + "\r\n")
                assert status(await three.hears_an_answer()) == 200
            assert await one.hears() == b""


async def test_no_more_requests_than_allowed_are_under_way_to_a_next_hop(worlds):
    async with worlds(tiers=1, fetch={"connections": 3, "turn_timeout": 20}) as world:
        under_way, most = 0, 0

        async def line(_):
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.01)
            under_way -= 1
            return world.origin.answers("/x", b"ok", Cache_Control="max-age=60")

        for n in range(20):
            world.origin.does(f"/{n}", line)
        got = await asyncio.gather(*(world.get(f"/{n}") for n in range(20)))
        assert {one.status for one in got} == {200}
        assert most == 3


async def test_a_request_whose_turn_does_not_come_is_answered_with_503_or_stale(worlds):
    async with worlds(tiers=1, fetch={"connections": 1, "turn_timeout": 0.2}) as world:
        gate = asyncio.Event()
        world.origin.answers("/stale", b"old", Cache_Control="max-age=1, stale-if-error=600", ETag='"1"')
        await world.get("/stale")
        world.pass_time(10)
        world.origin.answers("/held", b"held", gate=gate)
        held = asyncio.create_task(world.get("/held"))
        await world.origin.has_seen("/held", 1)
        refused = await world.get("/other")
        assert refused.status == 503
        assert "connection_limit_reached" in refused.fields["Proxy-Status"]
        assert (await world.get("/stale")).body == b"old"
        gate.set()
        assert (await held).body == b"held"
        world.origin.answers("/other", b"ok")
        assert (await world.get("/other")).body == b"ok"


class Trickle(Line):
    """A line of which an octet comes now and then."""

    async def play(self, request, writer) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nCache-Control: max-age=60\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)
        return False


async def test_a_next_hop_that_trickles_is_broken_off(worlds):
    async with worlds(tiers=1, fetch={"minimum_rate": 10_000, "rate_window": 0.3}) as world:
        world.origin.does("/a", lambda _: Trickle())
        async with raw_client(node(world)) as client:
            await client.says(GET + "\r\n")
            heard = await client.hears()
        assert heard == b"reset" or len(heard) < 50_000


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ([("X-Long", "a" * 5000)], "http_response_header_section_size"),
        ([(f"X-{n}", "a") for n in range(40)], "http_protocol_error"),
    ],
    ids=["field", "number of fields"],
)
async def test_a_response_head_that_is_too_large_is_an_error_of_the_next_hop(worlds, fields, error):
    async with worlds(tiers=1, fetch={"head_size": "4KiB", "fields": 32}) as world:
        world.origin.answers("/a", b"ok", fields=fields)
        got = await world.get("/a")
        assert got.status == 502
        assert error in got.fields["Proxy-Status"]
