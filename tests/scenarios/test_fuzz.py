"""Raw heads, rubbish and near misses, on a real socket of an edge: every one is answered or dropped, none does harm."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scenarios.world import World

TIME = 5.0
"""Longest wait for the end of an answer, in seconds: longer is a hang."""

PATIENCE = 0.03
"""Longest wait for the first octet, in seconds: what needs longer waits for more of the request."""

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "400"))
"""Requests of each kind: more take longer, about one second for 200."""

OCTETS = st.binary(max_size=200)
METHODS = st.sampled_from(
    [b"GET", b"HEAD", b"POST", b"OPTIONS", b"BREW", b"get", b"", b"G\x00T", b"CONNECT", b"PRI"]
)
TARGETS = st.one_of(
    st.sampled_from(
        [b"/a", b"/a?b", b"*", b"", b"http://site.example/a", b"http://", b"//", b"/%zz", b"/\xff", b"a:1", b"/a#b",
         b"/" * 3000]
    ),
    OCTETS.map(lambda octets: b"/" + octets),
)  # fmt: skip
VERSIONS = st.sampled_from(
    [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.9", b"HTTP/0.9", b"http/1.1", b"", b"HTTP/1.1 "]
)
NAMES = st.sampled_from(
    [b"Host", b"Range", b"If-Range", b"If-None-Match", b"If-Modified-Since", b"If-Match", b"Cache-Control",
     b"Accept-Encoding", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Expect", b"TE", b"Upgrade",
     b"Cookie", b"Via", b"CDN-Loop", b"Max-Forwards", b"Edgeward-Purge-Mark", b"X-Forwarded-For", b"X A", b"",
     b"X\x00", b"\xff", b" Host", b"Host "]
)  # fmt: skip
VALUES = st.one_of(
    OCTETS,
    st.sampled_from(
        [b"site.example", b"0", b"1", b"-1", b"chunked", b"chunked, chunked", b"gzip", b"close", b"keep-alive",
         b"bytes=0-1", b"bytes=0-99999999999999999999", b'"1"', b"W/", b"*", b"no-cache, max-age=x", b"host",
         b"100-continue", b"a\r\n b", b"h2c", b"9" * 5000, b"\xf0\x9f\x92\xa9", b"site.example:99999", b"[::1",
         b"Sun, 06 Nov 1994 08:49:37 GMT"]
    ),
)  # fmt: skip
LINES = st.lists(st.tuples(NAMES, VALUES).map(lambda pair: pair[0] + b": " + pair[1]), max_size=6)
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\n\r\n"])


@st.composite
def heads(draw) -> bytes:
    """A head put together of good and bad parts, perhaps with one octet changed."""
    end = draw(ENDS)
    first = b" ".join((draw(METHODS), draw(TARGETS), draw(VERSIONS)))
    lines = [b"Host: site.example", *draw(LINES)] if draw(st.integers(0, 4)) else draw(LINES)
    raw = (
        end.join((first, *lines))
        + end
        + end
        + draw(st.sampled_from([b"", b"", b"0\r\n\r\n", b"x", b"GET / H"]))
    )
    if draw(st.booleans()) and raw:
        at = draw(st.integers(0, len(raw) - 1))
        raw = raw[:at] + bytes([draw(st.integers(0, 255))]) + raw[at + draw(st.integers(0, 1)) :]
    return raw


STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
GOOD = b"GET /good HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n"
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


async def said(world: World, raw: bytes) -> bytes:
    """What the edge says to these octets; when it waits for more, it learns that nothing comes."""
    host, _, port = world.edges[0].settings.listen.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(raw)
        answer = b""
        with contextlib.suppress(TimeoutError):
            answer = await asyncio.wait_for(reader.read(1), PATIENCE)
        writer.write_eof()
        async with asyncio.timeout(TIME):
            return answer + await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def harm(world: World, answer: bytes, told: list[logging.LogRecord]) -> str:
    """What is wrong with an answer, with what reached the origin, or with what was logged; "" when nothing is."""
    if answer and STATUS.match(answer) is None:
        return "no answer of HTTP"
    status = int(answer[9:12]) if answer else 0
    if status == 500 or b"Traceback" in answer:
        return "a fault of ours"
    if any(record.levelno >= logging.ERROR for record in told):
        return f"logged: {told[0].getMessage()} {told[0].exc_info}"
    for request in world.origin.requests:
        if TOKEN.fullmatch(request.method) is None or not (
            request.target.startswith("/") or request.target == "*"
        ):
            return f"forwarded {request}"
        if any(
            TOKEN.fullmatch(name) is None or re.search(r"[\x00\r\n]", value) for name, value in request.fields
        ):
            return f"forwarded {request.fields}"
        hosts = [value for name, value in request.fields if name.lower() == "host"]
        framing = [
            value for name, value in request.fields if name.lower() in ("content-length", "transfer-encoding")
        ]
        if len(hosts) != 1 or len(framing) > 1:
            return f"forwarded {request.fields}"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [heads(), OCTETS], ids=["mutated heads", "any octets"])
def test_any_octets_are_answered_or_dropped_and_do_no_harm(strategy, tmp_path_factory, caplog):
    with asyncio.Runner() as runner:
        world = World(tmp_path_factory.mktemp("fuzz"), tiers=1, serve={"drain": 0.2})
        runner.run(world.__aenter__())
        world.origin.answers("/good", b"good", Cache_Control="max-age=600")
        world.origin.answers("/a", b"0123456789", Cache_Control="max-age=600", ETag='"1"')

        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        @given(strategy)
        def law(raw: bytes) -> None:
            caplog.clear()
            world.origin.requests.clear()
            answer = runner.run(said(world, raw))
            assert harm(world, answer, caplog.records) == ""

        try:
            law()
            assert runner.run(said(world, GOOD)).endswith(b"\r\n\r\ngood")
        finally:
            runner.run(world.__aexit__())
