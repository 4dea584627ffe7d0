"""The next hop over real sockets, by the client for everybody and by the link between tiers: one contract."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from httpcache.fetch.failures import NextHopError
from httpcache.fetch.link import Link
from httpcache.fetch.next_hop import NextHop
from httpcache.messages import Fields, RequestHead
from httpcache.settings import FetchSettings
from tests.scenarios.origin import Origin
from tests.scenarios.ports import free_port

GET = RequestHead("GET", "http", "site.example", "/a", Fields([("X-One", "1")]))


@pytest.fixture
async def origin():
    made = Origin()
    await made.start()
    yield made
    await made.close()


@pytest.fixture(
    params=[NextHop, Link, partial(Link, to_origins=True)], ids=["client", "to-tiers", "to-origins"]
)
async def kind(request):
    return request.param


@pytest.fixture
async def next_hop(kind):
    made = kind(FetchSettings(connect_timeout=1, first_byte_timeout=0.2, between_bytes_timeout=0.2))
    yield made
    await made.close()


async def body_of(reply) -> bytes:
    try:
        return b"".join([data async for data in reply.chunks()])
    finally:
        await reply.close()


async def test_a_response_comes_as_it_was_sent(origin, next_hop):
    origin.answers(
        "/a",
        b"body",
        status=203,
        X_Two="2",
        Content_Encoding="gzip",
        fields=[("Set-Cookie", "a"), ("Set-Cookie", "b")],
    )
    reply = await next_hop.send(GET, [origin.url])
    assert (reply.head.status, reply.head.reason, reply.length) == (203, "Scripted", 4)
    assert reply.head.fields.all("set-cookie") == ("a", "b")
    assert await body_of(reply) == b"body"
    assert origin.requests[0].get("Host") == "site.example"
    assert {name for name, _ in origin.requests[0].fields} == {"Host", "X-One"}


async def test_octets_that_are_no_utf_8_are_never_left_out_of_what_the_origin_gets(origin, next_hop, kind):
    origin.answers("/a", b"x")
    await body_of(await next_hop.send(replace(GET, fields=Fields([("X-One", "caf\udce9")])), [origin.url]))
    got = origin.requests[0].get("X-One").encode("utf-8", "surrogateescape")
    assert got == ("café".encode() if kind is NextHop else b"caf\xe9")  # aiohttp writes UTF-8 alone


async def test_a_switch_of_protocols_that_nobody_asked_for_is_a_failure(origin, next_hop):
    origin.answers("/a", raw=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    with pytest.raises(NextHopError) as failure:
        await next_hop.send(GET, [origin.url])
    assert failure.value.error == "http_protocol_error"


async def test_a_redirect_is_not_followed(origin, next_hop):
    origin.answers("/a", status=301, Location="/b")
    reply = await next_hop.send(GET, [origin.url])
    assert reply.head.status == 301
    await reply.close()


TARGETS = [
    "/",
    "/a?",
    "/a??",
    "//x",
    "/a/../b",
    "/%7e%zz",
    "/a%2Fb;c=d",
    "/a?b?c=%&d=/../e",
    '/[x]|{y}^"',
    "*",
]


@pytest.mark.requirement("9110§7.7 target-is-forwarded-as-it-came")
@pytest.mark.parametrize("target", TARGETS)
async def test_the_target_is_asked_for_as_it_came(origin, next_hop, target):
    method = "OPTIONS" if target == "*" else "GET"
    reply = await next_hop.send(RequestHead(method, "http", "site.example", target, Fields()), [origin.url])
    await reply.close()
    assert [one.target for one in origin.requests] == [target]


async def test_connections_are_kept(origin, next_hop):
    origin.answers("/a", b"x")
    for _ in range(3):
        await body_of(await next_hop.send(GET, [origin.url]))
    assert len(origin._connections) == 1


@pytest.mark.requirement("9110§9.2.2 only-idempotent-requests-are-sent-again")
async def test_what_may_have_been_done_is_not_asked_for_twice(origin, next_hop):
    origin.answers("/a", raw=b"")  # the request is read, and then the connection ends

    async def content():
        yield b"once"

    request = RequestHead("POST", "http", "site.example", "/a", Fields())
    with pytest.raises(NextHopError, match="http_response_incomplete"):
        await next_hop.send(request, [origin.url, origin.url], content())
    assert [one.body for one in origin.requests] == [b"once"]


async def test_a_server_that_refuses_gives_way_to_the_next(origin, next_hop):
    origin.answers("/a", b"x")
    reply = await next_hop.send(GET, [f"http://127.0.0.1:{free_port()}", origin.url])
    assert reply.server == origin.url
    await reply.close()


async def failure(next_hop, url) -> tuple[str, int]:
    with pytest.raises(NextHopError) as caught:
        await body_of(await next_hop.send(GET, [url]))
    return caught.value.error, caught.value.status


async def test_nothing_listens(next_hop):
    assert await failure(next_hop, f"http://127.0.0.1:{free_port()}") == ("connection_refused", 502)


async def test_no_server_for_the_host(next_hop):
    with pytest.raises(NextHopError, match="destination_not_found"):
        await next_hop.send(GET, [])


async def test_no_response_in_time(origin, next_hop):
    gate = asyncio.Event()
    origin.answers("/a", b"x", gate=gate)
    assert (await failure(next_hop, origin.url))[1] == 504
    gate.set()


async def test_the_first_byte_may_take_longer_than_the_silence_within_a_body(origin, kind):
    made = kind(FetchSettings(first_byte_timeout=5, between_bytes_timeout=0.05))
    gate = asyncio.Event()
    origin.answers("/a", b"x", gate=gate)
    asked = asyncio.create_task(made.send(GET, [origin.url]))
    await origin.has_seen("/a", 1)
    asyncio.get_running_loop().call_later(0.15, gate.set)
    assert await body_of(await asked) == b"x"
    await made.close()


async def test_a_body_that_falls_silent(origin, next_hop):
    gate = asyncio.Event()
    origin.answers("/a", b"xx", body_gate=gate)
    assert await failure(next_hop, origin.url) == ("connection_read_timeout", 504)
    gate.set()


async def test_a_body_is_taken_whole_once_it_has_come(origin, next_hop):
    gate = asyncio.Event()
    origin.answers("/a", b"half" * 2, body_gate=gate)
    reply = await next_hop.send(GET, [origin.url])
    assert reply.whole() is None
    gate.set()
    async with asyncio.timeout(5):
        while (whole := reply.whole()) is None:
            await asyncio.sleep(0.001)
    assert whole == b"halfhalf"
    assert [data async for data in reply.chunks()] == []
    await reply.close()
    origin.answers("/a", b"")
    reply = await next_hop.send(GET, [origin.url])
    assert reply.whole() == b""
    await reply.close()
    assert len(origin._connections) == 1


async def test_a_body_broken_off_is_never_whole(origin, next_hop):
    origin.answers("/a", b"x" * 100, cut=50)
    reply = await next_hop.send(GET, [origin.url])
    with pytest.raises(NextHopError):
        [data async for data in reply.chunks()]
    assert reply.whole() is None
    await reply.close()


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_broken_off(origin, next_hop, chunked):
    origin.answers("/a", b"x" * 100, cut=50, chunked=chunked)
    assert await failure(next_hop, origin.url) == ("http_response_incomplete", 502)


RUBBISH = [
    b"rubbish\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    b"HTTP/1.1 20 OK\r\n\r\n",
    b"",
]


@pytest.mark.parametrize("raw", RUBBISH)
async def test_what_is_no_response_is_a_502(origin, next_hop, raw):
    origin.answers("/a", raw=raw)
    assert (await failure(next_hop, origin.url))[1] == 502
