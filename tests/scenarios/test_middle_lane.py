"""The middle lane answers plain requests that miss as the slow lane does, in their order, and keeps every limit."""

from __future__ import annotations

import asyncio

import pytest

from httpcache.serve import protocol
from tests.scenarios.any_request import OLD, plain
from tests.scenarios.raw_client import raw_client
from tests.scenarios.two_lanes import LAST, TwoLanes

LARGE = bytes(range(256)) * 2000


async def until(condition) -> None:
    """Wait for what other tasks bring about."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def lanes(tmp_path):
    """Both edges, and an origin with responses of which none is stored yet."""
    async with TwoLanes(tmp_path) as made:
        say = made.origin.answers
        say("/kept", b"0123456789" * 20, ETag='"k"', Last_Modified=OLD, Cache_Control="max-age=600")
        say("/never", b"never kept", Cache_Control="no-store")
        say("/private", b"x", Cache_Control="private", Set_Cookie="a=1")
        say("/chunks", b"in chunks" * 100, chunked=True, Cache_Control="no-store")
        say("/empty", b"", Cache_Control="no-store")
        say("/nothing", status=204, Cache_Control="no-store")
        say("/gone", b"no", status=404, Content_Type="text/plain")
        say("/odd", b"?", status=299, Cache_Control="no-store")
        say("/latin", b"x", X_Name="caf\udce9", Cache_Control="no-store")
        say("/broken", b"x" * 5000, cut=1000, Cache_Control="no-store")
        say("/hit", b"hit", Cache_Control="max-age=600")
        say("/large", LARGE, Cache_Control="no-store")
        await made.both(plain("/hit"))
        yield made


MISSES = [
    plain("/kept"),
    plain("/kept", method="HEAD"),
    plain("/kept", "Range: bytes=5-9"),
    plain("/kept", "Range: bytes=5-9,20-29"),
    plain("/kept", "Range: bytes=9999-"),
    plain("/kept", 'If-None-Match: "k"'),
    plain("/kept", f"If-Modified-Since: {OLD}"),
    plain("/kept", "Cache-Control: only-if-cached"),
    plain("/kept", "Cache-Control: no-store", "Accept-Encoding: br, gzip"),
    plain("/kept", "CDN-Loop: edge.edge.edgeward"),
    plain("/never"),
    plain("/never", method="HEAD"),
    plain("/private", "Cookie: a=1"),
    plain("/chunks"),
    plain("/chunks", method="HEAD"),
    plain("/empty"),
    plain("/nothing"),
    plain("/gone"),
    plain("/odd"),
    plain("/latin"),
    plain("/large"),
    plain("/missing"),
]


@pytest.mark.parametrize("asks", MISSES)
async def test_a_miss_is_answered_as_in_the_slow_lane(lanes, asks):
    before = lanes.begun_between
    await lanes.both(asks)
    assert lanes.begun_between == before + 1
    fast, slow = lanes.log_lines()
    assert fast == slow


async def test_a_body_that_breaks_off_ends_the_connection_as_in_the_slow_lane(lanes):
    for node in lanes.edges:
        heard = await lanes._one(node, plain("/broken"), (), b"")
        assert heard.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nContent-Length: 5000\r\n" in heard
        assert len(heard) < 5000
    assert [line["end"] for one in lanes.log_lines() for line in one[-1:]] == ["broken-off", "broken-off"]


async def test_requests_of_all_lanes_are_answered_in_their_order(lanes):
    posts = plain("/never", "Content-Length: 3", method="POST") + b"abc"
    run = [plain("/hit"), plain("/never"), plain("/hit"), posts, plain("/chunks"), plain("/odd", method="PATCH"),
           plain("/hit"), plain("/large"), plain("/kept"), plain("/kept")]  # fmt: skip
    raw = b"".join(run)
    cuts = [sum(map(len, run[: n + 1])) for n in range(len(run) - 1)]
    for split in ((), tuple(cuts), tuple(at - 9 for at in cuts), (10, 11, 12)):
        heard = await lanes.both(raw, split=split)
        assert heard.count(b"HTTP/1.1 ") == len(run) + 1


async def test_a_connection_on_which_all_is_plain_needs_no_framework(lanes):
    async with raw_client(lanes.edges[0].url) as client:
        for target in ("/never", "/hit", "/kept", "/never"):
            await client.says(plain(target).decode())
            assert (await client.hears_an_answer()).startswith(b"HTTP/1.1 200 ")
        (connection,) = lanes.edges[0].worker.http.web_server.connections
        assert connection.handler is None
        await client.says(plain("/never", method="DELETE").decode())
        await client.hears_an_answer()
        assert connection.handler is not None
        before = lanes.begun_between
        await client.says(plain("/never").decode())
        await client.hears_an_answer()
        assert lanes.begun_between == before + 1


async def test_what_a_client_sends_while_it_waits_is_held_within_bounds_and_answered(lanes):
    gate = asyncio.Event()
    lanes.origin.answers("/slow", b"slow", gate=gate, Cache_Control="no-store")
    many = 4 * protocol.HELD // len(plain("/hit"))
    async with raw_client(lanes.edges[0].url) as client:
        client.writer.write(plain("/slow") + plain("/hit") * many + LAST)
        await lanes.origin.has_seen("/slow", 1)
        (connection,) = lanes.edges[0].worker.http.web_server.connections
        await until(lambda: not connection._is_read)
        assert len(connection.held) < 2 * protocol.HELD + 256 * 2**10
        gate.set()
        heard = await client.hears(30)
    assert heard.count(b"HTTP/1.1 200 ") == many + 2
    assert heard.endswith(b"last")


async def test_a_client_that_reads_nothing_of_its_misses_costs_a_bounded_buffer(lanes):
    async with raw_client(lanes.edges[0].url, receive=4096) as client:
        client.writer.write(plain("/large") * 20)
        (connection,) = await _connections(lanes)
        await until(lambda: connection.is_paused)
        assert connection.transport.get_write_buffer_size() < 2 * len(LARGE)
        before = lanes.begun_between
        await asyncio.sleep(0.05)
        assert lanes.begun_between == before
        heard = 0
        while heard < 20 * len(LARGE):
            heard += len(await client.reader.read(2**20))


async def _connections(lanes):
    server = lanes.edges[0].worker.http.web_server
    await until(lambda: server.connections)
    return server.connections


async def test_a_worker_that_drains_finishes_what_it_answers_and_ends_the_connection(lanes):
    gate = asyncio.Event()
    lanes.origin.answers("/slow", b"slow", gate=gate, Cache_Control="no-store")
    async with raw_client(lanes.edges[0].url) as client:
        await client.says(plain("/slow").decode())
        await lanes.origin.has_seen("/slow", 1)
        server = lanes.edges[0].worker.http.web_server
        server.pre_shutdown()
        ending = asyncio.create_task(server.shutdown(60))
        await asyncio.sleep(0)
        gate.set()
        assert (await client.hears()).endswith(b"slow")
        await ending


async def test_a_worker_that_drains_waits_no_longer_than_it_is_told(lanes):
    gate = asyncio.Event()
    lanes.origin.answers("/slow", b"slow", gate=gate, Cache_Control="no-store")
    async with raw_client(lanes.edges[0].url) as client:
        await client.says(plain("/slow").decode())
        await lanes.origin.has_seen("/slow", 1)
        server = lanes.edges[0].worker.http.web_server
        server.pre_shutdown()
        await server.shutdown(0.01)
        assert await client.hears() in (b"", b"reset")
        gate.set()


async def test_a_fault_of_ours_is_said_without_a_trace(lanes, monkeypatch):
    middle = lanes.edges[0].worker.http.web_server.middle

    async def fails(incoming):
        raise KeyError("secret")

    monkeypatch.setattr(middle, "_answer", fails)
    async with raw_client(lanes.edges[0].url) as client:
        await client.says(plain("/never").decode())
        heard = await client.hears()
    assert heard.startswith(b"HTTP/1.1 500 ")
    assert heard.endswith(b"internal error\n")
    assert b"secret" not in heard


async def test_a_client_that_leaves_ends_its_request(lanes):
    gate = asyncio.Event()
    lanes.origin.answers("/slow", b"slow", gate=gate, Cache_Control="no-store")
    async with raw_client(lanes.edges[0].url) as client:
        await client.says(plain("/slow").decode())
        await lanes.origin.has_seen("/slow", 1)
        (connection,) = await _connections(lanes)
        task = connection.task
    await until(task.done)
    assert task.cancelled()
    assert lanes.edges[0].worker.http.web_server.connections == []
    gate.set()
