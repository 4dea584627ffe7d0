"""Heads and bodies that no client sends: each is answered with a problem, and orders nothing."""

from __future__ import annotations

import asyncio
import json
import zlib

import pytest

from httpcache.purge import answering
from tests.purge.asking import ask, signed

ORDER = b'{"kind":"everything"}'
BOMB = zlib.compress(b"[" * 2**26, 9)


@pytest.fixture(params=["the keeper", "an edge"])
def listener(request, admin, relay, edge):
    return admin if request.param == "the keeper" else relay


async def raw(listener, octets):
    """Status and JSON of the answer to a request that is sent as it is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(octets)
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        body = await reader.readexactly(length)
    writer.close()
    return int(head.split()[1]), json.loads(body) if body.startswith(b"{") else body


def request(line, *fields, body=b""):
    lines = [line, b"Host: h", b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


ATTACKS = [
    ("octets that are no UTF-8", request(b"PURGE /\xff HTTP/1.1", b"Authorization: Bearer x"), {400}),
    ("a token that is no UTF-8", request(b"GET /v1/nodes HTTP/1.1", b"Authorization: Bearer \xff.\xfe.\xfd"), {401}),
    ("a token of dots", request(b"GET /v1/nodes HTTP/1.1", b"Authorization: Bearer " + b"." * 8000), {401}),
    ("PURGE of *", request(b"PURGE * HTTP/1.1", b"Authorization: Bearer x"), {400, 401}),
    ("an absolute target", request(b"GET http://h/v1/nodes HTTP/1.1", b"Authorization: Bearer x"), {401}),
    ("a target with a name", request(b"GET http://a@b/v1/nodes HTTP/1.1", b"Authorization: Bearer x"), {401}),
    ("a folded way", request(b"GET /v1/x/../nodes HTTP/1.1", b"Authorization: Bearer x"), {401, 404}),
    ("an encoded way", request(b"GET /v1/%6eodes HTTP/1.1", b"Authorization: Bearer x"), {401, 404}),
    ("two slashes", request(b"GET //v1/nodes HTTP/1.1", b"Authorization: Bearer x"), {401, 404}),
    ("two tokens", request(b"GET /v1/nodes HTTP/1.1", *[b"Authorization: Bearer x"] * 2), {400, 401}),
    ("deep JSON", request(b"POST /v1/purges HTTP/1.1", b"Authorization: Bearer x", body=b"[" * 500_000), {401}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("octets", "statuses"), [row[1:] for row in ATTACKS], ids=[row[0] for row in ATTACKS]
)
async def test_what_no_client_sends_is_a_problem(listener, admin, octets, statuses):
    status, _ = await raw(listener, octets)
    assert status in statuses
    assert admin.keeper.door.log.newest == 0


async def test_an_absolute_target_asks_the_keeper_as_any_other(relay, key):
    field = b"Authorization: Bearer " + signed(key).encode()
    status, document = await raw(relay, request(b"GET http://elsewhere.example/v1/nodes HTTP/1.1", field))
    assert (status, "nodes" in document) == (200, True)


async def test_a_body_that_would_grow_is_taken_as_it_is_sent(admin, key):
    token = signed(key, BOMB)
    status, document = await ask(
        "POST", f"{admin.url}/v1/purges", token, BOMB, **{"Content-Encoding": "deflate"}
    )
    assert (status, document["error"]) == (400, "order-malformed")


async def test_a_body_that_does_not_come_is_not_waited_for(admin, monkeypatch):
    monkeypatch.setattr(answering, "BODY_TIME", 0.05)
    head = b"POST /v1/purges HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{"
    status, document = await raw(admin, head)
    assert (status, document["error"]) == (408, "order-too-slow")


async def test_an_order_with_each_of_its_octets_changed_is_refused(admin, key):
    token = signed(key, ORDER)
    for at in range(0, len(ORDER), 4):
        changed = ORDER[:at] + bytes([ORDER[at] ^ 1]) + ORDER[at + 1 :]
        assert (await ask("POST", f"{admin.url}/v1/purges", token, changed))[0] == 401
    assert admin.keeper.door.log.newest == 0
