"""Raw responses of an origin, rubbish and near misses: clients get what was said or a failure, never less twice."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scenarios.test_fuzz import ENDS, EXAMPLES, OCTETS
from tests.scenarios.world import World

STATUSES = st.sampled_from(
    [b"200 OK", b"200 OK", b"204 No Content", b"304 Not Modified", b"206 Partial Content", b"404", b"500 x", b"503 x",
     b"099 x", b"101 Switching", b"103 Hints", b"999 x", b"1000 x", b"20 x", b"-1", b"", b"200 \xff"]
)  # fmt: skip
VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2", b"HTTP/1.1.1", b"ICY", b""])
NAMES = st.sampled_from(
    [b"Content-Length", b"Transfer-Encoding", b"Connection", b"Cache-Control", b"Vary", b"ETag", b"Age", b"Date",
     b"Expires", b"Last-Modified", b"Content-Range", b"Content-Encoding", b"Content-Type", b"Set-Cookie", b"Location",
     b"CDN-Cache-Control", b"Surrogate-Key", b"Cache-Groups", b"Cache-Status", b"Via", b"Trailer", b"X A", b"", b"\xff"]
)  # fmt: skip
VALUES = st.one_of(
    OCTETS,
    st.sampled_from(
        [b"5", b"0", b"4", b"6", b"-5", b"5, 5", b"+5", b"99999999999999999999", b"chunked", b"gzip, chunked", b"close",
         b"max-age=60", b"max-age=60, private", b"no-store", b"*", b"x-a", b'"1"', b"bytes 0-4/5", b"bytes 0-4/*",
         b"bytes 3-1/9", b"gzip", b"br", b"text/html", b"a\r\n b", b"Sun, 06 Nov 1994 08:49:37 GMT", b"\xf0\x9f"]
    ),
)  # fmt: skip
LINES = st.lists(st.tuples(NAMES, VALUES).map(lambda pair: pair[0] + b": " + pair[1]), max_size=6)
BODIES = st.sampled_from(
    [b"12345", b"12345", b"", b"123", b"5\r\n12345\r\n0\r\n\r\n", b"5\r\n123", b"zz\r\n12345\r\n0\r\n\r\n",
     b"5;x=y\r\n12345\r\n0\r\nX: y\r\n\r\n", b"ffffffffffffffff\r\n12345",
     b"12345HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]
)  # fmt: skip


@st.composite
def responses(draw) -> bytes:
    """A response put together of good and bad parts, perhaps with one octet changed."""
    end = draw(ENDS)
    lines = [b"Cache-Control: max-age=600", *draw(LINES)] if draw(st.booleans()) else draw(LINES)
    raw = end.join((draw(VERSIONS) + b" " + draw(STATUSES), *lines)) + end + end + draw(BODIES)
    if draw(st.booleans()):
        at = draw(st.integers(0, len(raw) - 1))
        raw = raw[:at] + bytes([draw(st.integers(0, 255))]) + raw[at + draw(st.integers(0, 1)) :]
    return raw


ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n(.*)", re.DOTALL)


def unchunked(content: bytes) -> bytes | None:
    """The octets of a chunked content; None where its end is missing."""
    octets = b""
    while True:
        size, _, rest = content.partition(b"\r\n")
        if not size or (length := int(size, 16)) == 0:
            return octets if rest == b"\r\n" else None
        octets, content = octets + rest[:length], rest[length + 2 :]


def whole(answer: bytes) -> tuple[int, bytes] | None:
    """The status and the body of the final response in an answer; None where it is none, or lacks octets."""
    while (match := ANSWER.fullmatch(answer)) is not None and match[1].startswith(b"1"):
        answer = match[3]
    if match is None:
        return None
    fields = dict(line.lower().split(b":", 1) for line in match[2].split(b"\r\n") if line)
    if b"transfer-encoding" in fields:
        body = unchunked(match[3])
        return None if body is None else (int(match[1]), body)
    length = int(fields.get(b"content-length", b"0"))
    return (int(match[1]), match[3]) if len(match[3]) == length or int(match[1]) == 304 else None


async def said(world: World, target: str) -> bytes:
    """All octets that the edge says to a GET, in ten seconds at the most: longer is a hang."""
    host, _, port = world.edges[0].settings.listen.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(f"GET {target} HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b"HTTP/1.1 broken off"
    finally:
        writer.close()


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [responses(), OCTETS], ids=["mutated responses", "any octets"])
@pytest.mark.parametrize("is_close", [True, False], ids=["over the link", "by the client for everybody"])
def test_whatever_an_origin_says_is_passed_on_or_a_failure_and_reused_only_whole(
    strategy, is_close, tmp_path_factory, caplog, monkeypatch
):
    monkeypatch.setattr("httpcache.fetch.link.is_close", lambda server: is_close)
    with asyncio.Runner() as runner:
        world = World(
            tmp_path_factory.mktemp("fuzz"), tiers=1, serve={"drain": 0.2}, fetch={"between_bytes_timeout": 1}
        )
        runner.run(world.__aenter__())
        world.origin.answers("/good", b"good", Cache_Control="max-age=600")
        count = 0

        @settings(max_examples=EXAMPLES // 4, suppress_health_check=list(HealthCheck))
        @given(strategy)
        def law(raw: bytes) -> None:
            nonlocal count
            caplog.clear()
            count += 1
            target = f"/{count}"
            world.origin.answers(target, raw=raw)
            first, second = (runner.run(said(world, target)) for _ in range(2))
            assert b"Traceback" not in first + second
            assert not [record for record in caplog.records if record.levelname == "ERROR"]
            assert first.startswith(b"HTTP/1.1 ")
            assert second.startswith(b"HTTP/1.1 ")
            if len(world.origin.seen(target)) == 1 and b";hit;" in second:
                assert whole(first) is not None
                assert whole(first) == whole(second)

        try:
            law()
            assert runner.run(said(world, "/good")).endswith(b"\r\n\r\ngood")
        finally:
            runner.run(world.__aexit__())
