"""The sample origin, asked over a real socket."""

from __future__ import annotations

import re

import aiohttp
import pytest

from edgeward.addresses import free_ports
from edgeward.origin import serving
from edgeward.origin_objects import BLOCK, Body, parse_order
from edgeward.origin_site import pages


@pytest.fixture
async def ask():
    (port,) = free_ports(1)
    async with serving("127.0.0.1", port), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def ask(target, method="GET", **fields):
            headers = {name.replace("_", "-"): value for name, value in fields.items()}
            async with session.request(method, target, headers=headers) as response:
                return response.status, response.headers, await response.read()

        yield ask


async def test_an_object_has_the_size_and_the_fields_its_url_asks_for(ask):
    status, fields, body = await ask("/objects/a?size=5000&ttl=60&tag=news&tag=front")
    assert (status, len(body)) == (200, 5000)
    assert fields["Cache-Control"] == "public, max-age=60"
    assert fields["Surrogate-Key"] == "news front"
    assert fields["ETag"] and fields["Last-Modified"] == "Wed, 01 Jan 2025 00:00:00 GMT"


async def test_the_same_key_has_the_same_octets_each_time_and_another_key_others(ask):
    once, again, other = [(await ask(f"/objects/{key}?size=300000"))[2] for key in ("a", "a", "b")]
    assert once == again != other
    assert once[:BLOCK] != once[BLOCK : 2 * BLOCK]


async def test_a_head_request_gets_the_length_without_the_body(ask):
    status, fields, body = await ask("/objects/a?size=5000000", "HEAD")
    assert (status, fields["Content-Length"], body) == (200, "5000000", b"")


async def test_chunked_has_no_length_and_the_same_octets(ask):
    _, fields, body = await ask("/objects/a?size=1000&chunked=1")
    assert "Content-Length" not in fields
    assert body == Body("a", 1000).octets(0, 1000)


FIELDS = [
    ("cache_control=no-store", "Cache-Control", "no-store"),
    ("cache_control=", "Cache-Control", None),
    ("etag=0", "ETag", None),
    ("last_modified=0", "Last-Modified", None),
    ("last_modified=86400", "Last-Modified", "Fri, 02 Jan 1970 00:00:00 GMT"),
    ("type=text/css", "Content-Type", "text/css"),
]


@pytest.mark.parametrize(("query", "name", "value"), FIELDS, ids=[row[0] for row in FIELDS])
async def test_the_query_chooses_the_fields(ask, query, name, value):
    assert (await ask(f"/objects/a?{query}"))[1].get(name) == value


RANGES = [
    ("bytes=0-9", 206, 0, 10),
    ("bytes=65530-65545", 206, 65530, 65546),
    ("bytes=99990-", 206, 99990, 100000),
    ("bytes=-5", 206, 99995, 100000),
    ("bytes=-200000", 206, 0, 100000),
    ("bytes=99999-200000", 206, 99999, 100000),
    ("bytes=5-2", 200, 0, 100000),
    ("bytes=0-1,5-6", 200, 0, 100000),
    ("lines=1-2", 200, 0, 100000),
    ("bytes=100000-", 416, 0, 0),
    ("bytes=-0", 416, 0, 0),
]


@pytest.mark.parametrize(("asked", "status", "first", "end"), RANGES, ids=[row[0] for row in RANGES])
async def test_a_range_gets_its_octets(ask, asked, status, first, end):
    got, fields, body = await ask("/objects/a?size=100000", Range=asked)
    assert got == status
    assert body == Body("a", 100000).octets(first, end)
    if status == 206:
        assert fields["Content-Range"] == f"bytes {first}-{end - 1}/100000"
    if status == 416:
        assert fields["Content-Range"] == "bytes */100000"


async def test_a_range_on_condition_of_another_version_gets_the_whole(ask):
    etag = (await ask("/objects/a?size=100"))[1]["ETag"]
    assert (await ask("/objects/a?size=100", Range="bytes=0-1", If_Range=etag))[0] == 206
    assert (await ask("/objects/a?size=100", Range="bytes=0-1", If_Range='"other"'))[0] == 200


async def test_conditions_that_hold_get_304_without_a_body(ask):
    _, fields, _ = await ask("/objects/a")
    for condition in (
        {"If_None_Match": fields["ETag"]},
        {"If_None_Match": f'"x", W/{fields["ETag"]}'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": fields["Last-Modified"]},
    ):
        status, _, body = await ask("/objects/a", **condition)
        assert (status, body) == (304, b"")
    assert (await ask("/objects/a", If_None_Match='"x"', If_Modified_Since=fields["Last-Modified"]))[0] == 200
    assert (await ask("/objects/a", If_Modified_Since="yesterday"))[0] == 200


@pytest.mark.parametrize(
    "query", ["size=-1", "size=x", "ttl=1.5", "delay=no", "delay=nan", "status=99", "size="]
)
async def test_a_wrong_parameter_is_named(ask, query):
    status, _, body = await ask(f"/objects/a?{query}")
    assert status == 400
    assert body.decode().startswith(query.split("=")[0])


async def test_the_count_tells_requests_octets_and_validations_and_can_be_reset(ask):
    _, fields, _ = await ask("/objects/a?size=10")
    await ask("/objects/b?size=20&status=503")
    await ask("/objects/a?size=10", If_None_Match=fields["ETag"])
    await ask("/nowhere", "POST")
    text = (await ask("/_count"))[2].decode()
    for part in (
        '"requests": 4',
        '"bytes": 30',
        '"validations": 1',
        '"503": 1',
        '"405": 1',
        '"/objects/a": 2',
    ):
        assert part in text
    await ask("/_reset", "POST")
    assert b'"requests": 0' in (await ask("/_count"))[2]


async def test_every_link_of_the_site_leads_somewhere(ask):
    seen, left = set(), {"/"}
    while left:
        path = left.pop()
        seen.add(path)
        status, fields, body = await ask(path)
        assert status == 200, path
        assert fields["Surrogate-Key"]
        if fields["Content-Type"].startswith("text/html"):
            left |= set(re.findall(r'(?:href|src)="(/[^"]*)"', body.decode())) - seen
    assert seen | {"/index.html", "/robots.txt", "/favicon.ico"} == set(pages())
    assert (await ask("/missing"))[0] == 404


def test_assets_are_named_by_their_content_and_never_change():
    for path, page in pages().items():
        if path.startswith("/assets/"):
            assert "immutable" in page.caching
            assert re.search(r"\.[0-9a-f]{8}\.", path)


def test_a_text_body_is_the_same_however_it_is_cut():
    body = Body("a", 3 * BLOCK + 7, text=True)
    whole = body.octets(0, body.size)
    assert len(whole) == body.size
    assert body.octets(BLOCK - 3, 2 * BLOCK + 5) == whole[BLOCK - 3 : 2 * BLOCK + 5]
    assert parse_order("a", {"type": "text/plain"}).body.text
