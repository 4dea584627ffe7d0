"""The link between tiers: connections are kept, bounded, read no faster than they are wanted, and never mistaken."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from httpcache.fetch.failures import NextHopError
from httpcache.fetch.link import Link
from httpcache.fetch.link_connection import ADDED, BUFFERED
from httpcache.messages import Fields, RequestHead
from httpcache.settings import FetchSettings
from tests.fetch.test_next_hop import body_of
from tests.scenarios.origin import Line, Origin

GET = RequestHead("GET", "http", "site.example", "/a", Fields([("X-One", "1")]))


@pytest.fixture
async def origin():
    made = Origin()
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def link():
    made = Link(FetchSettings(connections=2))
    yield made
    await made.close()


async def test_a_kept_connection_that_its_server_has_closed_is_replaced(origin, link):
    origin.answers("/a", b"x")
    assert await body_of(await link.send(GET, [origin.url])) == b"x"
    for writer in list(origin._connections):
        writer.close()
    assert await body_of(await link.send(GET, [origin.url])) == b"x"


async def test_more_requests_than_connections_wait_for_their_turn(origin, link):
    gate = asyncio.Event()
    origin.answers("/a", b"x", body_gate=gate)
    replies = [await link.send(GET, [origin.url]) for _ in range(2)]
    third = asyncio.create_task(link.send(GET, [origin.url]))
    gate.set()
    assert [await body_of(reply) for reply in replies] == [b"x", b"x"]
    assert await body_of(await third) == b"x"
    assert len(origin._connections) == 2


async def test_a_request_that_is_given_up_gives_its_turn_back(origin, link):
    gate = asyncio.Event()
    origin.answers("/a", b"x", gate=gate)
    asked = [asyncio.create_task(link.send(GET, [origin.url])) for _ in range(3)]
    await origin.has_seen("/a", 2)
    for one in asked:
        one.cancel()
    await asyncio.wait(asked)
    gate.set()
    assert await body_of(await link.send(GET, [origin.url])) == b"x"


async def test_a_body_that_nobody_reads_stops_coming(origin, link):
    body = b"0123456789abcdef" * 2**20
    origin.answers("/a", body)
    reply = await link.send(GET, [origin.url])
    connection = reply._connection
    async with asyncio.timeout(10):
        while not connection._paused:
            await asyncio.sleep(0)
    assert connection._buffered < BUFFERED + 2**20
    assert await body_of(reply) == body


async def test_a_body_that_is_not_wanted_costs_its_connection_only(origin, link):
    origin.answers("/a", b"x" * 2**20)
    reply = await link.send(GET, [origin.url])
    await reply.close()
    origin.answers("/a", b"next")
    assert await body_of(await link.send(GET, [origin.url])) == b"next"


async def test_a_body_without_a_length_ends_with_its_connection(origin, link):
    origin.answers("/a", raw=b"HTTP/1.1 200 OK\r\n\r\nall of it")
    reply = await link.send(GET, [origin.url])
    assert (reply.length, await body_of(reply)) == (None, b"all of it")


async def test_interim_responses_are_passed_on_and_trailers_left(origin, link):
    origin.answers(
        "/a",
        raw=b"HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\nx\r\n0\r\nX-Trailer: t\r\n\r\n",
    )
    told = []
    reply = await link.send(GET, [origin.url], interim=told.append)
    assert [(head.status, head.fields.get("link")) for head in told] == [(103, "</s>")]
    assert await body_of(reply) == b"x"
    assert "x-trailer" not in reply.head.fields


async def test_a_head_without_end_is_refused(origin, link):
    origin.answers("/a", raw=b"HTTP/1.1 200 OK\r\n" + b"X-Line: 0123456789\r\n" * 20_000)
    with pytest.raises(NextHopError, match="http_response_header_section_size"):
        await link.send(GET, [origin.url])


async def test_a_head_that_is_too_large_is_refused_though_it_came_whole(origin):
    small = Link(FetchSettings(head_size=2048))
    origin.answers("/a", b"x", X_Long="a" * (ADDED + 2048))
    with pytest.raises(NextHopError, match="http_response_header_section_size"):
        await small.send(GET, [origin.url])
    origin.answers("/a", b"x", X_Long="a" * (ADDED + 1500))
    assert await body_of(await small.send(GET, [origin.url])) == b"x"
    await small.close()


async def test_a_line_break_in_a_field_is_not_sent(origin, link):
    with pytest.raises(NextHopError, match="http_request_error"):
        await link.send(replace(GET, fields=Fields([("X-One", "1\r\nX-Two: 2")])), [origin.url])
    assert origin.requests == []


async def test_what_is_no_get_goes_by_the_client_for_everybody(origin, link):
    origin.does("/a", lambda request: Line(body=request.body, fields=[("X-Method", request.method)]))

    async def content():
        yield b"sent"

    reply = await link.send(replace(GET, method="POST"), [origin.url], content())
    assert reply.head.fields.get("x-method") == "POST"
    assert await body_of(reply) == b"sent"
