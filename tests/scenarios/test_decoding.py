"""Plays of codings that a client cannot read: it gets the content decoded however it came, and others as it is."""

from __future__ import annotations

import gzip

import pytest

from tests.scenarios.origin import Line, Seen
from tests.scenarios.ranged import SEGMENT, Large, octets

RAW = octets(9, 10 * SEGMENT)
SENT = gzip.compress(RAW, mtime=0)


class Coded(Large):
    """A large resource that is sent in gzip to everybody."""

    @property
    def body(self) -> bytes:
        """See Large."""
        return SENT

    def __call__(self, request: Seen) -> Line:
        line = super().__call__(request)
        line.fields.append(("Content-Encoding", "gzip"))
        return line


@pytest.fixture(params=[1, 2], ids=["one tier", "two tiers"])
async def cdn(request, worlds):
    store = {"ram": "16MiB", "disk": "64MiB", "segment": "64KiB"}
    async with worlds(tiers=request.param, store=store, fetch={"whole_up_to": "128KiB"}) as made:
        yield made


def is_decoded(got) -> bool:
    told = got.fields.get("Content-Encoding"), got.fields.get("Vary")
    return (got.status, *told) == (200, None, "Accept-Encoding") and got.body == RAW


async def part(cdn, first: int, **fields: str):
    return await cdn.get("/a", Range=f"bytes={first}-{first + 9}", **fields)


@pytest.mark.requirement("9110§12.5.3 what-cannot-be-read-is-decoded")
async def test_what_is_held_in_part_is_decoded_once_all_of_it_is_asked_for(cdn):
    cdn.origin.does("/a", Coded(length=len(SENT)))
    got = await part(cdn, 5, Accept_Encoding="gzip")
    assert (got.status, got.body, got.fields["Vary"]) == (206, SENT[5:15], "Accept-Encoding")
    assert got.fields["Content-Encoding"] == "gzip"
    assert is_decoded(await cdn.get("/a"))
    whole = await cdn.get("/a", Accept_Encoding="gzip")
    assert (whole.body, whole.fields["Vary"]) == (SENT, "Accept-Encoding")


async def test_a_part_of_a_coding_that_cannot_be_read_is_never_sent(cdn):
    cdn.origin.does("/a", Coded(length=len(SENT)))
    await part(cdn, 5, Accept_Encoding="gzip")
    assert is_decoded(await part(cdn, 5)), "held"
    cdn.origin.does("/a", Coded(length=len(SENT), version=2))
    assert is_decoded(await part(cdn, SEGMENT))


@pytest.mark.parametrize("fields", [{"weak": True}, {"cache_control": "no-store"}], ids=["weak", "no-store"])
async def test_nor_where_parts_are_not_stored(cdn, fields):
    cdn.origin.does("/a", Coded(length=len(SENT), **fields))
    for first in (5, 5, SEGMENT):
        assert is_decoded(await part(cdn, first))
    got = await part(cdn, 5, Accept_Encoding="gzip")
    assert (got.status, got.body) in ((206, SENT[5:15]), (200, SENT))


@pytest.mark.requirement("9110§12.5.3 what-cannot-be-read-is-decoded")
@pytest.mark.requirement("9110§12.5.5 vary-where-others-get-another-form")
@pytest.mark.parametrize("cache_control", ["no-store", "private"])
async def test_what_is_not_stored_is_decoded_on_its_way(world, cache_control):
    world.origin.answers("/a", SENT, Cache_Control=cache_control, Content_Encoding="gzip", ETag='"1"')
    for _ in range(2):
        got = await world.get("/a")
        assert is_decoded(got)
        assert "ETag" not in got.fields
        head = await world.get("/a", method="HEAD")
        assert {"Content-Encoding", "Content-Length", "ETag"}.isdisjoint(head.fields)
        read = await world.get("/a", Accept_Encoding="gzip")
        assert (read.body, read.fields["ETag"], read.fields["Vary"]) == (SENT, '"1"', "Accept-Encoding")
    assert is_decoded(await world.get("/a", Cache_Control="no-store"))


@pytest.mark.parametrize("who", ["the origin", "the client"])
async def test_no_transform_is_obeyed_where_nothing_is_stored(world, who):
    said = "no-store, no-transform" if who == "the origin" else "no-store"
    world.origin.answers("/a", SENT, Cache_Control=said, Content_Encoding="gzip")
    got = await world.get("/a", Cache_Control="no-transform" if who == "the client" else "max-age=60")
    assert (got.body, got.fields["Content-Encoding"]) == (SENT, "gzip")


@pytest.mark.parametrize("body", [b"this is no gzip", b"", SENT[:5], b"no gzip" * 100_000])
async def test_what_is_not_coded_as_it_says_comes_as_it_is(world, body):
    world.origin.answers("/a", body, Cache_Control="no-store", Content_Encoding="gzip")
    for _ in range(2):
        got = await world.get("/a")
        assert (got.body, got.fields["Content-Encoding"]) == (body, "gzip")


async def test_a_part_that_nobody_asked_for_is_not_asked_for_again(world):
    told = [
        ("Content-Range", f"bytes 0-9/{len(SENT)}"),
        ("Content-Encoding", "gzip"),
        ("Cache-Control", "no-store"),
    ]
    world.origin.answers("/a", SENT[:10], status=206, fields=told)
    for range_asked in ({}, {"Range": "bytes=0-9"}):
        got = await world.get("/a", Cache_Control="no-store", **range_asked)
        assert (got.status, got.body) == (206, SENT[:10])
    assert len(world.origin.seen("/a")) == 3
