"""The fast lane answers as the slow one does, octet by octet, and leaves to that one whatever it must."""

from __future__ import annotations

import asyncio
import json
import os
import random

import pytest

from httpcache.purge.orders import Kind, Order
from tests.scenarios.any_request import OLD, TARGETS, any_request, plain
from tests.scenarios.forms import FORMS, run_in
from tests.scenarios.origin import Line
from tests.scenarios.raw_client import raw_client
from tests.scenarios.two_lanes import LAST, NOW, TwoLanes

SEEDS = range(int(os.environ.get("EDGEWARD_LANES", "2")))
"""Each seed is some 800 requests; set the variable to play for longer."""

TEXT = b"".join(b"%d times %d is %d\n" % (n, n, n * n) for n in range(400))
LARGE = bytes(range(256)) * 600
BROWSER = "\r\n".join(
    (
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Language: en-GB,en;q=0.5",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Connection: keep-alive",
        "Sec-Fetch-Mode: navigate",
    )
)


@pytest.fixture(params=FORMS)
async def lanes(tmp_path, request, monkeypatch):
    """Both edges, and an origin with all sorts of responses."""
    run_in(request.param, monkeypatch)
    async with TwoLanes(tmp_path) as made:
        say = made.origin.answers
        say(
            "/text",
            TEXT,
            Content_Type="text/plain",
            ETag='"t"',
            Last_Modified=OLD,
            Cache_Control="max-age=600",
        )
        say("/weak", TEXT, Content_Type="text/html", ETag='W/"w"', Cache_Control="max-age=90, s-maxage=300")
        say("/dated", b"0123456789", Last_Modified=OLD, Date=OLD, Cache_Control="public, max-age=99999999")
        say("/plain", b"0123456789", Cache_Control="max-age=600", Age="7", Surrogate_Key="one two")
        say("/large", LARGE, ETag='"l"', Content_Type="video/mp4", Cache_Control="max-age=60, immutable")
        say("/empty", b"", ETag='"e"', Cache_Control="max-age=600")
        say("/gone", b"no", status=404, Cache_Control="max-age=600", Content_Type="text/plain")
        say("/moved", b"", status=301, Location="/text", Cache_Control="max-age=600")
        say("/guess", b"heuristic", Last_Modified=OLD, Date="Mon, 16 Jun 2025 10:00:00 GMT")
        say("/nostore", b"never kept", Cache_Control="no-store")
        say("/always", b"asks", ETag='"a"', Cache_Control="no-cache")
        say("/latin", b"x", X_Name="caf\udce9", Cache_Control="max-age=600")
        say(
            "/tiers",
            b"x",
            Cache_Status='far; hit; ttl=5; key="a;ttl=7"',
            Age="3",
            Cache_Control="max-age=600",
        )
        for language in ("de", "en"):
            made.origin.does("/spoken", _spoken)
            await made.both(plain("/spoken", f"Accept-Language: {language}"))
        await _warm(made)
        yield made


def _spoken(request):
    language = (request.get("Accept-Language") or "en")[:2]
    fields = [("Vary", "Accept-Language"), ("Content-Language", language), ("Cache-Control", "max-age=600")]
    return Line(body=f"in {language}".encode(), fields=fields)


async def _warm(lanes: TwoLanes) -> None:
    for target in TARGETS:
        for accepts in ("identity", "br", "zstd", "gzip"):
            await lanes.both(plain(target, f"Accept-Encoding: {accepts}"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
async def test_both_lanes_answer_the_same(lanes, seed):
    dice = random.Random(seed)
    asked = 0
    for turn in range(60):
        run = [any_request(dice) for _ in range(dice.choice((1, 3, 10, 40)))]
        asked += len(run)
        raw = b"".join(run)
        split = (
            () if dice.random() < 0.3 else sorted({dice.randrange(1, len(raw)) for _ in range(len(run) // 2)})
        )
        if dice.random() < 0.5:
            split = [sum(map(len, run[: n + 1])) for n in range(len(run) - 1)]
        last = dice.choice(
            (LAST, plain("/text", "Connection: close"), plain("/plain").replace(b"1.1", b"1.0"))
        )
        await lanes.both(raw, split=tuple(split), last=last)
        lanes.time += dice.choice((0, 0, 0.3, 1, 7.6, 45))
        if turn % 20 == 19:
            lanes.orders_purge(Order(Kind.TAG, ("two",), soft=dice.random() < 0.5))
    assert lanes.fast_hits > asked / 8
    # Lines of requests that came at one moment have no order: hits are told in batches.
    fast, slow = (sorted(json.dumps(line, sort_keys=True) for line in lines) for lines in lanes.log_lines())
    assert fast == slow


async def test_a_head_may_be_cut_anywhere(lanes):
    raw = plain("/text", BROWSER, 'If-None-Match: "x"') + plain("/plain", method="HEAD")
    for at in range(1, len(raw), 3):
        await lanes.both(raw, split=(at,))
    assert lanes.fast_hits > 20


@pytest.mark.parametrize(
    ("asks", "status"),
    [
        (plain("/text", BROWSER), 200),
        (plain("/text", "Accept-Encoding: gzip"), 200),
        (plain("/text", "Accept-Encoding: zstd"), 200),
        (plain("/text", method="HEAD"), 200),
        (plain("/text", 'If-None-Match: "t"'), 304),
        (plain("/text", "Accept-Encoding: br", 'If-None-Match: "t~ew-br"'), 304),
        (plain("/dated", f"If-Modified-Since: {OLD}"), 304),
        (plain("/large", "Range: bytes=100000-"), 206),
        (plain("/large", "Range: bytes=5-9", 'If-Range: "l"'), 206),
        (plain("/gone"), 404),
        (plain("/moved"), 301),
        (plain("/spoken", "Accept-Language: de"), 200),
    ],
)  # fmt: skip
async def test_the_fast_lane_answers(lanes, asks, status):
    before = lanes.fast_hits
    assert (await lanes.both(asks)).startswith(b"HTTP/1.1 %d " % status)
    assert lanes.fast_hits == before + 1


LEFT = [
    plain("/text", method="DELETE"),
    plain("/text", "Range: bytes=0-1,5-6"),
    plain("/text", "Range: bytes=99999999-"),
    plain("/text", 'If-Match: "t"'),
    plain("/text", "Cache-Control: no-cache"),
    plain("/text", "Connection: close"),
    plain("/text", "Expect: 100-continue"),
    plain("/text", "Content-Length: 0"),
    plain("/text", "Upgrade: h2c", "Connection: upgrade"),
    plain("/text", "CDN-Loop: edge.edge.edgeward"),
    plain("/nostore"),
    plain("/missing"),
    plain("/text").replace(b"1.1", b"1.0"),
    plain("/text", "X: caf\xe9"),
    b"\r\n" + plain("/text"),
]


@pytest.mark.parametrize("asks", LEFT)
async def test_the_fast_lane_leaves(lanes, asks):
    before = lanes.fast_hits
    await lanes.both(asks, last=b"" if b"close" in asks or b"1.0" in asks or b"h2c" in asks else LAST)
    assert lanes.fast_hits == before


async def is_idle(lanes: TwoLanes) -> None:
    """Wait until the handler waits for the next request: that is a moment after its answer is out."""
    async with asyncio.timeout(10):
        while not all(one.is_idle for one in lanes.edges[0].worker.http.web_server.connections):
            await asyncio.sleep(0.001)


async def test_a_connection_comes_back_to_the_fast_lane(lanes):
    posts = plain("/nostore", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n0\r\n\r\n"
    counted = plain("/nostore", "Content-Length: 3", method="POST") + b"abc"
    before = lanes.fast_hits
    async with raw_client(lanes.edges[0].url) as client:
        for asks in (
            plain("/text"),
            posts,
            plain("/text"),
            plain("/nostore"),
            plain("/text"),
            counted,
            plain("/text"),
        ):
            await client.says(asks.decode("latin-1"))
            assert (await client.hears_an_answer()).startswith(b"HTTP/1.1 ")
            await is_idle(lanes)
    assert lanes.fast_hits == before + 4


async def test_age_and_ttl_go_on_and_the_end_of_freshness_is_the_end(lanes):
    heads = []
    for later in (0, 0.6, 500, 599.5, 600.5):
        lanes.time = NOW + later
        heads.append(await lanes.both(plain("/text")))
    told = [
        [line for line in head.split(b"\r\n") if line.startswith((b"Age:", b"Cache-Status:"))]
        for head in heads
    ]
    assert [line[0] for line in told[:4]] == [b"Age: 0", b"Age: 0", b"Age: 500", b"Age: 599"]
    assert [b"ttl=%d;" % ttl in line[1] for ttl, line in zip((599, 599, 99, 0), told, strict=False)] == [
        True
    ] * 4
    assert b"fwd=stale" in told[4][1]


async def test_stale_while_revalidate_leaves_the_fast_lane_and_comes_back_to_it(lanes):
    lanes.origin.answers("/swr", b"1", Cache_Control="max-age=10, stale-while-revalidate=60")
    await lanes.both(plain("/swr"))
    lanes.origin.answers("/swr", b"2", Cache_Control="max-age=10, stale-while-revalidate=60")
    lanes.time += 11
    assert b"stale-while-revalidate" in await lanes.both(plain("/swr"))
    before = lanes.fast_hits
    assert b"\r\n\r\n2HTTP" in await lanes.both(plain("/swr"))
    assert lanes.fast_hits == before + 1


@pytest.mark.parametrize("soft", [False, True])
async def test_an_order_holds_for_the_fast_lane_at_once(lanes, soft):
    assert b";hit" in await lanes.both(plain("/plain"))
    lanes.origin.answers("/plain", b"new", Cache_Control="max-age=600")
    lanes.orders_purge(Order(Kind.TAG, ("two",), soft=soft))
    assert b"new" in await lanes.both(plain("/plain"))
    lanes.orders_purge(Order(Kind.TAG, ("three",)))
    before = lanes.fast_hits
    assert b";hit" in await lanes.both(plain("/plain"))
    assert lanes.fast_hits == before + 1


async def test_what_an_unsafe_method_invalidates_is_not_answered(lanes):
    assert b";hit" in await lanes.both(plain("/plain"))
    lanes.time += 1
    await lanes.both(plain("/plain", "Content-Length: 0", method="POST"))
    assert b";hit" not in (await lanes.both(plain("/plain"))).partition(b"HTTP/1.1 200 OK")[0]


async def test_a_log_that_is_silent_for_too_long_closes_the_fast_lane(lanes):
    before = lanes.fast_hits
    for node in lanes.edges:
        node.worker.watermarks.fall_silent()
    assert b"purge-log-lost" in await lanes.both(plain("/text")) or lanes.fast_hits == before
    assert lanes.fast_hits == before


async def test_a_hit_counts_as_a_use(lanes):
    key = "http://site.example/plain"
    await lanes.both(plain("/plain"))
    entry = lanes.edges[0].worker.store.ram._sieve.peek(key)
    entry.visited = False
    before, counted = lanes.fast_hits, lanes.edges[0].worker.store.counts.ram_hits
    await lanes.both(plain("/plain"))
    assert lanes.fast_hits == before + 1
    assert entry.visited
    assert lanes.edges[0].worker.store.counts.ram_hits == counted + 1


async def test_a_client_that_reads_nothing_costs_a_bounded_buffer(lanes):
    async with raw_client(lanes.edges[0].url, receive=4096) as client:
        client.writer.write(plain("/large") * 200)
        server = lanes.edges[0].worker.http.web_server
        async with asyncio.timeout(10):
            while not any(one.is_paused for one in server.connections):
                await asyncio.sleep(0.005)
        waiting = max(one.transport.get_write_buffer_size() for one in server.connections if one.transport)
        assert waiting < 3 * len(LARGE)
        heard = bytearray()
        while len(heard) < 200 * len(LARGE) or not heard.endswith(LARGE):
            heard += await client.reader.read(2**20)
        assert len(set(bytes(heard).split(b"HTTP/1.1 200"))) == 2, "all 200 are the same, whole"


async def test_a_hit_of_a_connection_that_is_closing_is_not_written_to_what_may_be_anothers_socket(lanes):
    async with raw_client(lanes.edges[0].url) as client:
        await client.says(plain("/plain").decode())
        await client.hears_an_answer()
        connection = max(lanes.edges[0].worker.http.web_server.connections, key=lambda one: one.fd)
        reading, anothers = os.pipe()
        try:
            os.set_blocking(reading, False)
            connection.transport.abort()
            connection.fd = anothers  # as if the system had given its number to somebody else
            connection.data_received(plain("/plain"))
            with pytest.raises(BlockingIOError):
                os.read(reading, 1)
        finally:
            os.close(reading)
            os.close(anothers)


async def test_idle_connections_end_and_busy_ones_do_not(tmp_path):
    async with TwoLanes(tmp_path, serve={"idle_timeout": 1.5, "drain": 2}) as lanes:
        lanes.origin.answers("/a", b"a", Cache_Control="max-age=600")
        await lanes.both(plain("/a"))
        async with raw_client(lanes.edges[0].url) as client:
            began = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() < began + 2.5:
                await client.says(plain("/a").decode())
                assert (await client.hears_an_answer()).endswith(b"a")
                await asyncio.sleep(0.1)
            assert await client.hears(20) == b""


async def test_a_worker_that_drains_ends_connections_of_the_fast_lane(lanes):
    async with raw_client(lanes.edges[0].url) as client:
        await client.says(plain("/text").decode())
        await client.hears_an_answer()
        web_server = lanes.edges[0].worker.http.web_server
        web_server.pre_shutdown()
        async with asyncio.timeout(10):
            await web_server.shutdown(60)
        assert await client.hears(5) == b""
