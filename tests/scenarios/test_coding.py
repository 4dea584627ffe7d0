"""Plays of content codings: made once and stored, smaller for what is hot, undone for clients that cannot read them."""

from __future__ import annotations

import gzip
import hashlib

import aiohttp
import brotli
import pytest
import zstandard

from tests.scenarios.origin import Line

TEXT = " ".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(4000)).encode()
LARGE = TEXT * 40
UNDO = {
    "br": brotli.decompress,
    "gzip": gzip.decompress,
    "zstd": lambda octets: zstandard.ZstdDecompressor().decompressobj().decompress(octets),
    None: bytes,
}
PLAIN = {"Content_Type": "text/plain", "Cache_Control": "max-age=600", "ETag": '"1"'}


async def settled(world) -> None:
    for node in world.nodes:
        await node.worker.tier.coder.settle()


async def coded(world, accepts: str, target: str = "/a", **fields):
    """The answer once the form that this client likes has been made: for the second that asks, if not the first."""
    for _ in range(2):
        await world.get(target, Accept_Encoding=accepts)
        await settled(world)
    return await world.get(target, Accept_Encoding=accepts, **fields)


async def test_what_one_client_alone_has_asked_for_is_not_coded(worlds):
    async with worlds(tiers=1) as world:
        world.origin.answers("/a", TEXT, **PLAIN)
        await world.get("/a", Accept_Encoding="br")
        await settled(world)
        got = await world.get("/a", Accept_Encoding="br")
        assert "Content-Encoding" not in got.fields
        await settled(world)
        assert (await world.get("/a", Accept_Encoding="br")).fields["Content-Encoding"] == "br"


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip"])
async def test_each_coding_is_made_once_and_stands_beside_the_others(world, coding):
    world.origin.answers("/a", TEXT, **PLAIN)
    got = await coded(world, coding)
    assert got.fields["Content-Encoding"] == coding
    assert (got.fields["ETag"], got.fields["Vary"]) == (f'"1~ew-{coding}"', "Accept-Encoding")
    assert UNDO[coding](got.body) == TEXT
    assert int(got.fields["Content-Length"]) == len(got.body) < len(TEXT)
    assert (await world.get("/a", Accept_Encoding="identity")).body == TEXT
    assert len(world.origin.seen("/a")) == 1


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip"])
async def test_head_ranges_and_conditions_agree_with_the_form(world, coding):
    world.origin.answers("/a", TEXT, **PLAIN)
    whole = await coded(world, coding)
    head = await world.get("/a", method="HEAD", Accept_Encoding=coding)
    assert {name: head.fields[name] for name in ("Content-Length", "ETag", "Content-Encoding", "Vary")} == {
        name: whole.fields[name] for name in ("Content-Length", "ETag", "Content-Encoding", "Vary")
    }
    part = await world.get("/a", Accept_Encoding=coding, Range="bytes=100-199", If_Range=whole.fields["ETag"])
    assert (part.status, part.body) == (206, whole.body[100:200])
    assert part.fields["Content-Range"] == f"bytes 100-199/{len(whole.body)}"
    assert (await world.get("/a", Accept_Encoding=coding, If_None_Match=f'"1~ew-{coding}"')).status == 304
    assert (await world.get("/a", Accept_Encoding=coding, Range="bytes=0-9", If_Range='"1"')).body == TEXT[
        :10
    ]


async def test_a_client_that_refuses_identity_gets_its_coding_at_once(world):
    world.origin.answers("/a", TEXT, **PLAIN)
    for accepts in ("identity;q=0, gzip", "gzip, *;q=0"):
        got = await world.get("/a", Accept_Encoding=accepts)
        assert got.fields["Content-Encoding"] == "gzip"
        assert (UNDO["gzip"](got.body), got.fields["ETag"]) == (TEXT, '"1~ew-gzip"')
    assert len(world.origin.seen("/a")) == 1


async def test_no_transform_is_obeyed_in_both_directions(world):
    world.origin.answers("/a", TEXT, **{**PLAIN, "Cache_Control": "max-age=600, no-transform"})
    world.origin.answers(
        "/z", gzip.compress(TEXT), Content_Encoding="gzip", Cache_Control="max-age=600, no-transform"
    )
    assert "Content-Encoding" not in (await coded(world, "br")).fields
    assert (await world.get("/z")).fields["Content-Encoding"] == "gzip"


async def test_what_is_asked_for_often_is_made_once_more_and_smaller(worlds):
    async with worlds(tiers=1, coding={"often": 5}) as world:
        world.origin.answers("/a", TEXT, **PLAIN)
        first = await coded(world, "br")
        for _ in range(6):
            await world.get("/a", Accept_Encoding="br")
        await settled(world)
        best = await world.get("/a", Accept_Encoding="br")
        assert UNDO["br"](best.body) == UNDO["br"](first.body) == TEXT
        assert len(best.body) < len(first.body)
        assert [one.fields["ETag"] for one in (first, best)] == ['"1~ew-br"', '"1~ew-br2"']
        # Who has the first edition has the content; but no part of the second fits to it.
        assert (await world.get("/a", Accept_Encoding="br", If_None_Match='"1~ew-br"')).status == 304
        part = await world.get("/a", Accept_Encoding="br", Range="bytes=0-9", If_Range='"1~ew-br"')
        assert (part.status, part.body) == (200, best.body)


async def test_a_large_body_is_coded_piece_by_piece_and_stored_in_segments(worlds):
    store = {"ram": "4MiB", "disk": "128MiB", "segment": "128KiB"}
    async with worlds(tiers=1, store=store) as world:
        world.origin.answers("/a", LARGE, **PLAIN)
        got = await coded(world, "gzip")
        assert got.fields["Content-Encoding"] == "gzip"
        assert UNDO["gzip"](got.body) == LARGE
        assert len(got.body) > world.edges[0].worker.store.ram.largest
        part = await world.get("/a", Accept_Encoding="gzip", Range="bytes=1000000-1000099")
        assert part.body == got.body[1_000_000:1_000_100]
        await world.edges[0].restart()
        again = await world.get("/a", Accept_Encoding="gzip")
        assert (again.body, ";hit" in again.cache_status[-1]) == (got.body, True)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length known", "chunked"])
async def test_what_came_coded_is_decoded_for_who_cannot_read_it(world, coding, chunked):
    sent = {"br": brotli.compress, "gzip": gzip.compress, "zstd": zstandard.compress}[coding](TEXT)
    fields = {**PLAIN, "Content_Encoding": coding}
    world.origin.answers("/a", sent, chunked=chunked, **fields)
    first = await world.get("/a")
    assert (first.body, first.fields["ETag"], first.fields["Vary"]) == (
        TEXT,
        '"1~ew-identity"',
        "Accept-Encoding",
    )
    assert "Content-Encoding" not in first.fields
    await world.get("/a")
    await settled(world)
    stored = await world.get("/a", Accept_Encoding="other")
    assert (stored.body, int(stored.fields["Content-Length"])) == (TEXT, len(TEXT))
    assert (await world.get("/a", Range="bytes=5-9")).body == TEXT[5:10]
    assert (await world.get("/a", If_None_Match='"1~ew-identity"')).status == 304
    head = await world.get("/a", method="HEAD")
    assert (head.fields["ETag"], head.fields["Content-Length"]) == ('"1~ew-identity"', str(len(TEXT)))
    asis = await world.get("/a", Accept_Encoding=coding)
    assert (asis.body, asis.fields["Content-Encoding"], asis.fields["ETag"]) == (sent, coding, '"1"')
    assert len(world.origin.seen("/a")) == 1


async def test_a_bomb_is_broken_off_where_the_setting_says(worlds):
    async with worlds(tiers=1, coding={"decoded_largest": "1MiB"}) as world:
        world.origin.answers("/a", gzip.compress(bytes(50_000_000)), **PLAIN, Content_Encoding="gzip")
        for _ in range(2):
            with pytest.raises(aiohttp.ClientError):
                await world.get("/a")
            await settled(world)
        assert (await world.get("/a", Accept_Encoding="gzip")).status == 200


async def test_what_is_not_coded_as_it_says_is_passed_as_it_came(world):
    world.origin.answers("/a", b"this is no gzip", **PLAIN, Content_Encoding="gzip")
    for _ in range(2):
        got = await world.get("/a")
        assert (got.body, got.fields["Content-Encoding"]) == (b"this is no gzip", "gzip")


class Edited:
    """A page that is written to on a condition, as an origin does it."""

    version = 0

    def __call__(self, request) -> Line:
        tag = f'"v{self.version}"'
        fields = [("ETag", tag), ("Content-Type", "text/plain"), ("Cache-Control", "max-age=60")]
        if request.get("If-Match") not in (None, tag):
            return Line(412, fields=[("ETag", tag)])
        if request.method == "PUT":
            self.version += 1
            return Line(204, fields=[("ETag", f'"v{self.version}"')])
        if request.get("If-None-Match") == tag:
            return Line(304, fields=fields)
        return Line(200, TEXT, fields)


@pytest.mark.requirement("9110§8.8.3.3 tags-of-forms-are-the-origins-at-the-origin")
async def test_a_page_is_written_on_condition_of_the_coded_form_that_was_read(world):
    world.origin.does("/a", Edited())
    read = await coded(world, "br")
    assert read.fields["ETag"] == '"v0~ew-br"'
    condition = {"If_Match": read.fields["ETag"]}
    assert (await world.get("/a", Accept_Encoding="br", **condition)).status == 200
    assert (await world.ask(world.edges[0], "/a", method="PUT", body=b"x", **condition)).status == 204
    assert (await world.ask(world.edges[0], "/a", method="PUT", body=b"y", **condition)).status == 412
    assert (await world.get("/a", Accept_Encoding="br")).fields["ETag"] == '"v1"'


async def test_a_condition_that_goes_to_the_origin_names_its_tag_and_is_answered_by_the_clients(world):
    world.origin.does("/a", Edited())
    read = await coded(world, "br")
    asked = {"Accept_Encoding": "br", "If_None_Match": read.fields["ETag"]}
    got = await world.get("/a", method="HEAD", If_Unmodified_Since="Tue, 01 Dec 2037 00:00:00 GMT", **asked)
    assert (got.status, got.fields["ETag"], got.fields["Vary"]) == (304, '"v0~ew-br"', "Accept-Encoding")
    assert world.origin.seen("/a")[-1].get("If-None-Match") == '"v0"'


async def test_a_page_is_written_at_an_edge_that_has_never_had_its_form(worlds):
    async with worlds(edges=2) as world:
        world.origin.does("/a", Edited())
        read = await coded(world, "br")
        condition = {"If_Match": read.fields["ETag"]}
        edge = world.edges[1]
        assert (await world.ask(edge, "/a", method="PUT", body=b"x", **condition)).status == 204
        assert (await world.ask(edge, "/a", method="PUT", body=b"y", **condition)).status == 412
