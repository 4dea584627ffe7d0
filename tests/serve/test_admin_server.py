"""The admin listener's connections: what is no request is a problem in our words, and nobody holds it up."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from aiohttp import web

from httpcache.serve import admin_server
from httpcache.serve.admin import Admin
from httpcache.serve.sockets import listening
from httpcache.settings import Settings
from tests.scenarios.ports import free_port


@pytest.fixture
async def listener(tmp_path):
    """The admin listener of an edge that does not keep the log; where it listens."""
    port = free_port()
    settings = Settings.model_validate(
        {"shields": ["http://127.0.0.1:1"], "admin": f"127.0.0.1:{port}", "name": "edge", "tier": "edge"}
    )
    made = Admin(settings, tmp_path, tmp_path / "metrics", None, lambda: [])
    await made.start(listening("127.0.0.1", port, 1, "admin")[0])
    yield port
    await made.close()


async def said(port, *octets):
    """Head and body of the answer to octets that are sent one after the other; empty when there is none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for one in octets:
        writer.write(one)
        await writer.drain()
        await asyncio.sleep(0.02)  # so that they arrive apart
    async with asyncio.timeout(10):
        head, _, body = (await reader.read(65536)).partition(b"\r\n\r\n")
    writer.close()
    return head, body


LONG = b"a" * 70_000
MALFORMED = [
    ("no HTTP", (b"rubbish\r\n\r\n",)),
    ("TLS", (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",)),
    ("a space in a field's name", (b"GET / HTTP/1.1\r\nHost: a\r\nHo st: b\r\n\r\n",)),
    ("a length that is no number", (b"POST /v1/purges HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",)),
    ("two ways to end", (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0",)),
    ("a long target", (b"GET /" + LONG + b" HTTP/1.1\r\nHost: a\r\n\r\n",)),
    ("a long field", (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + LONG + b"\r\n\r\n",)),
    ("a version of the future", (b"GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n",)),
    ("a target that is no URL", (b"GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n",)),
    ("a chunk that is none", (b"POST /v1/purges HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",)),
]  # fmt: skip


@pytest.mark.parametrize("octets", [row[1] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
async def test_what_is_no_request_is_a_400_in_our_words_and_nothing_that_the_log_tells(
    listener, caplog, octets
):
    caplog.set_level(logging.INFO)
    head, body = await said(listener, *octets)
    assert head.split()[1] == b"400" and b"application/json" in head
    assert json.loads(body)["error"] == "request-malformed"
    assert b"rubbish" not in body
    assert not [record for record in caplog.records if record.levelno >= logging.INFO]
    assert (await said(listener, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"))[1] == b"ok\n"


async def test_what_the_node_fails_is_a_500_in_our_words_and_the_log_says_why(listener, caplog, monkeypatch):
    def broken(_):
        raise RuntimeError("the disk has gone")

    monkeypatch.setattr("httpcache.serve.admin.metrics.exposition", broken)
    head, body = await said(listener, b"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n")
    assert head.split()[1] == b"500"
    assert json.loads(body)["error"] == "node-failed" and b"disk" not in body
    assert "the disk has gone" in caplog.text


async def test_a_head_that_does_not_end_is_cut_off_and_one_that_does_is_not(listener, monkeypatch):
    monkeypatch.setattr(admin_server, "HEAD_TIME", 0.6)
    quick, writer = await asyncio.open_connection("127.0.0.1", listener)
    slow, other = await asyncio.open_connection("127.0.0.1", listener)
    other.write(b"GET /healthz HTTP/1.1\r\nHo")
    writer.write(b"GET /healthz HTTP/1.1\r\nHo")
    await asyncio.sleep(0.01)
    writer.write(b"st: a\r\n\r\n")
    assert (await quick.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")
    async with asyncio.timeout(10):
        assert await slow.read() == b""
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await quick.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")
    writer.close()
    other.close()


async def test_connections_are_bounded_and_those_there_are_go_on(listener, monkeypatch):
    monkeypatch.setattr(admin_server, "MOST_CONNECTIONS", 3)
    asked = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    held = []
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener)
        writer.write(asked)
        await reader.readuntil(b"ok\n")
        held.append((reader, writer))
    for _ in range(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
    for reader, writer in held:
        writer.write(asked)
        await reader.readuntil(b"ok\n")
        writer.close()


EXPECTING = b"%b HTTP/1.1\r\nHost: a\r\nExpect: <script>\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("asked", [b"POST /v1/purges", b"GET /readyz", b"PURGE /a", b"PUT /nothing/there"])
async def test_an_expectation_that_nobody_knows_is_a_417_in_our_words(listener, asked):
    head, body = await said(listener, EXPECTING % asked)
    assert head.split()[1] == b"417" and b"application/json" in head
    assert json.loads(body)["error"] == "expectation-unknown"
    assert b"script" not in head + body


async def test_who_expects_100_continue_gets_it(listener):
    head, _ = await said(
        listener,
        b"POST /v1/purges HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        b"{}",
    )
    assert head.split()[1] == b"100"


async def test_whatever_is_refused_at_any_path_is_json(listener):
    for asked in (
        b"DELETE /v1/purges",
        b"POST /healthz",
        b"GET /v1/nothing",
        b"OPTIONS *",
        b"TRACE /metrics",
    ):
        _, body = await said(listener, asked + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert set(json.loads(body)) == {"error", "reason"}, asked


async def test_who_has_left_before_the_answer_begins_is_nothing_that_the_log_tells(caplog):
    async def leaves(request: web.Request) -> web.Response:
        raise ConnectionResetError("cannot write to a closing transport")

    app, port = web.Application(), free_port()
    app.router.add_get("/", leaves)
    runner = admin_server.AdminRunner(app)
    await runner.setup()
    await web.SockSite(runner, listening("127.0.0.1", port, 1, "admin")[0]).start()
    try:
        await said(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    finally:
        await runner.cleanup()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
