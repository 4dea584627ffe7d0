"""What a server sends after a whole response belongs to nobody, and the response itself arrives."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from httpcache.fetch.failures import NextHopError
from httpcache.fetch.link import Link
from httpcache.fetch.next_hop import NextHop
from httpcache.fetch.one_response import end_of_response
from httpcache.messages import Fields, RequestHead
from httpcache.settings import FetchSettings
from tests.scenarios.origin import Origin

GET = RequestHead("GET", "http", "site.example", "/a", Fields())
SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"


@pytest.fixture
async def origin():
    made = Origin()
    await made.start()
    yield made
    await made.close()


@pytest.fixture(
    params=[NextHop, Link, partial(Link, to_origins=True)], ids=["client", "to-tiers", "to-origins"]
)
async def next_hop(request):
    made = request.param(FetchSettings(connect_timeout=1, first_byte_timeout=5, between_bytes_timeout=5))
    yield made
    await made.close()


async def ask(next_hop, origin, method="GET"):
    reply = await next_hop.send(replace(GET, method=method), [origin.url])
    try:
        return reply.head.status, b"".join([data async for data in reply.chunks()])
    finally:
        await reply.close()


@pytest.mark.requirement("9112§6.3 octets-after-a-response-are-none")
@pytest.mark.parametrize(
    "after", [b"6789", b"\r\n\r\nrubbish", SECOND], ids=["octets", "lines", "a response"]
)
async def test_what_follows_a_response_is_dropped_with_its_connection(origin, next_hop, after):
    origin.answers("/a", raw=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345" + after)
    assert await ask(next_hop, origin) == (200, b"12345")
    origin.answers("/a", b"next")
    assert await ask(next_hop, origin) == (200, b"next")


async def test_content_where_there_can_be_none_is_dropped(origin, next_hop):
    origin.answers("/a", raw=b"HTTP/1.1 204 No Content\r\n\r\nbody")
    assert await ask(next_hop, origin) == (204, b"")
    origin.answers("/a", raw=b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
    assert await ask(next_hop, origin, "HEAD") == (200, b"")


async def test_a_response_that_is_none_is_still_refused(origin, next_hop):
    origin.answers("/a", raw=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nno field\r\n\r\n12345")
    async with asyncio.timeout(10):
        with pytest.raises(NextHopError, match="http_protocol_error"):
            await ask(next_hop, origin)


ENDS = [
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", 40, id="by its length"),
    pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length:2\r\nContent-Length: 2\r\n\r\nabc", 58, id="told twice"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", None, id="two lengths"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nabc", None, id="a list"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nabc", None, id="coded"),
    pytest.param(b"HTTP/1.1 200 OK\r\n\r\nabc", None, id="by the connection's end"),
    pytest.param(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nabc", 48, id="with its head"),
    pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n", None, id="interim"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", None, id="no whole head"),
    pytest.param(b"SSH-2.0-x\r\nContent-Length: 2\r\n\r\nabc", None, id="no response"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "end"), ENDS)
def test_where_a_response_ends(data, end):
    assert end_of_response(data, has_content=True) == end
