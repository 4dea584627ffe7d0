"""Ranges of large resources: aligned segments are fetched, kept, and add up; two versions are never mixed."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenarios.ranged import SEGMENT, Large

SHAPE = {
    "store": {"ram": "1MiB", "disk": "64MiB", "segment": "64KiB"},
    "fetch": {"whole_up_to": "128KiB"},
}


@pytest.fixture(params=[1, 2], ids=["one tier", "two tiers"])
async def cdn(request, worlds):
    async with worlds(tiers=request.param, **SHAPE) as world:
        yield world


def large(cdn, **about) -> Large:
    resource = Large(**about)
    cdn.origin.does("/large", resource)
    return resource


async def settled(cdn) -> None:
    """Wait for what goes on after answers, so that the next request finds it stored."""
    for node in cdn.nodes:
        await node.worker.transactions.drain()


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=200000-200009", 200000, 200010),
        (f"bytes={SEGMENT - 5}-{SEGMENT + 4}", SEGMENT - 5, SEGMENT + 5),
        (f"bytes={SEGMENT}-{4 * SEGMENT - 1}", SEGMENT, 4 * SEGMENT),
        ("bytes=-50", 10 * SEGMENT + 50, 10 * SEGMENT + 100),
        (f"bytes={10 * SEGMENT}-", 10 * SEGMENT, 10 * SEGMENT + 100),
    ],
)
async def test_a_range_of_a_cold_resource_costs_its_aligned_segments_once(cdn, asked, first, end):
    resource = large(cdn)
    got = await cdn.get("/large", Range=asked)
    assert (got.status, got.body) == (206, resource.body[first:end])
    assert got.fields["Content-Range"] == f"bytes {first}-{end - 1}/{resource.length}"
    wanted = {at // SEGMENT for at in range(first, end, 1000)} | {(end - 1) // SEGMENT}
    learning = {0} if asked == "bytes=-50" else set()
    starts = {f"bytes={index * SEGMENT}-" for index in wanted | learning}
    assert len(resource.asked) == len(starts)
    assert {one.partition("-")[0] + "-" for one in resource.asked} == starts
    await settled(cdn)
    again = await cdn.get("/large", Range=asked)
    assert (again.status, again.body) == (206, got.body)
    assert len(resource.asked) == len(starts), "the second time it is a hit"
    assert again.cache_status[-1].startswith("edge-1;hit")


async def test_pieces_add_up_to_a_whole(cdn):
    resource = large(cdn)
    for index in (7, 0, 3, 10, 1, 2, 9, 8, 6):
        at = index * SEGMENT
        got = await cdn.get("/large", Range=f"bytes={at}-{at + 9}")
        assert got.body == resource.body[at : at + 10]
        await settled(cdn)
    got = await cdn.get("/large")
    assert (got.status, got.body) == (200, resource.body)
    assert resource.sent == resource.length, "each octet was asked for once"
    await settled(cdn)
    again = await cdn.get("/large")
    assert again.cache_status[-1].startswith("edge-1;hit")
    assert again.body == resource.body
    assert resource.sent == resource.length


async def test_many_clients_of_one_cold_range_cost_one_request(worlds):
    async with worlds(tiers=2, edges=3, **SHAPE) as cdn:
        resource = large(cdn)
        asked = f"bytes={2 * SEGMENT + 1}-{5 * SEGMENT}"
        every = await asyncio.gather(*(cdn.get("/large", at=n % 3, Range=asked) for n in range(60)))
        assert all(one.body == resource.body[2 * SEGMENT + 1 : 5 * SEGMENT + 1] for one in every)
        assert resource.sent == 4 * SEGMENT


async def test_many_clients_of_many_cold_ranges_get_each_its_own(cdn):
    resource = large(cdn)
    spans = [(n * 7919 % resource.length, n * 104729 % resource.length) for n in range(1, 60)]
    spans = [(min(one), max(one)) for one in spans]
    every = await asyncio.gather(*(cdn.get("/large", Range=f"bytes={a}-{b}") for a, b in spans))
    for (first, last), got in zip(spans, every, strict=True):
        assert (got.status, got.body) == (206, resource.body[first : last + 1])
    assert resource.sent <= resource.length


async def test_several_ranges_come_in_parts_out_of_pieces(cdn):
    resource = large(cdn)
    got = await cdn.get("/large", Range=f"bytes=5-9, {8 * SEGMENT}-{8 * SEGMENT + 9}")
    assert got.status == 206
    assert got.fields["Content-Type"].startswith("multipart/byteranges")
    assert resource.body[5:10] in got.body
    assert resource.body[8 * SEGMENT : 8 * SEGMENT + 10] in got.body
    assert resource.sent == 2 * SEGMENT


async def test_a_resource_that_changed_between_two_requests_is_answered_with_the_new_one_alone(cdn):
    resource = large(cdn)
    await cdn.get("/large", Range="bytes=0-9")
    await settled(cdn)
    resource.version = 2
    got = await cdn.get("/large", Range=f"bytes=0-{SEGMENT + 9}")
    assert (got.status, got.body) == (206, resource.body[: SEGMENT + 10])
    assert got.fields["ETag"] == '"2"'
    await settled(cdn)
    assert (await cdn.get("/large", Range="bytes=0-9")).body == resource.body[:10], "the old piece is dropped"


@pytest.mark.parametrize("obeys_if_range", [True, False])
async def test_a_resource_that_changes_while_it_is_sent_is_broken_off_and_never_mixed(cdn, obeys_if_range):
    resource = large(cdn, obeys_if_range=obeys_if_range)
    old = resource.body

    def change(_):
        if len(resource.asked) == 3:
            resource.version = 2

    resource.hook = change
    host, port = cdn.edges[0].settings.listen.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /large HTTP/1.1\r\nHost: site.example\r\nRange: bytes=0-600000\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 206 " in head
    body = await asyncio.wait_for(reader.read(-1), 10)
    writer.close()
    assert len(body) < 600001, "it ended before its time"
    assert old.startswith(body), "what came is of one version"
    await settled(cdn)
    resource.hook = lambda _: None
    got = await cdn.get("/large", Range="bytes=0-600000")
    assert got.body == resource.body[:600001], "and the next request gets the other"


async def test_a_piece_that_is_stale_is_proven_by_the_next(cdn):
    resource = large(cdn)
    await cdn.get("/large", Range="bytes=0-9")
    await settled(cdn)
    cdn.pass_time(100)
    got = await cdn.get("/large", Range=f"bytes=0-{SEGMENT}")
    assert got.body == resource.body[: SEGMENT + 1]
    assert resource.sent == 2 * SEGMENT


async def test_a_piece_that_is_stale_and_held_is_validated_without_the_whole(cdn):
    resource = large(cdn)
    await cdn.get("/large", Range="bytes=0-9")
    await settled(cdn)
    cdn.pass_time(100)
    assert (await cdn.get("/large", Range="bytes=0-9")).status == 206
    assert resource.sent == SEGMENT, "304 was enough"
    await settled(cdn)
    cdn.pass_time(100)
    resource.version = 2
    got = await cdn.get("/large", Range="bytes=0-9")
    assert (got.status, got.body) == (206, resource.body[:10])
    assert resource.sent == 2 * SEGMENT, "a changed one costs a piece of the new"


async def test_an_if_range_that_no_longer_holds_gets_the_whole(cdn):
    resource = large(cdn)
    got = await cdn.get("/large", Range="bytes=5-9", If_Range='"0"')
    assert (got.status, got.body) == (200, resource.body)
    assert resource.sent == resource.length


async def test_a_condition_that_holds_is_answered_304_for_the_price_of_a_piece(cdn):
    resource = large(cdn)
    got = await cdn.get("/large", Range="bytes=5-9", If_None_Match='"1"')
    assert (got.status, got.body) == (304, b"")
    assert resource.sent == SEGMENT


async def test_an_origin_that_knows_no_ranges_is_asked_once_for_the_whole(cdn):
    resource = large(cdn, deaf=True)
    every = await asyncio.gather(
        *(cdn.get("/large", Range=f"bytes={n}-{n + 9}") for n in range(0, 600000, 50000))
    )
    assert all(one.status == 206 for one in every)
    assert every[1].body == resource.body[50000:50010]
    assert len(resource.asked) == 1


async def test_a_small_resource_without_a_strong_tag_is_fetched_whole(cdn):
    resource = large(cdn, weak=True, length=2 * SEGMENT)
    got = await cdn.get("/large", Range="bytes=5-9")
    assert (got.status, got.body) == (206, resource.body[5:10])
    await settled(cdn)
    asked = len(resource.asked)
    again = await cdn.get("/large", Range=f"bytes={SEGMENT}-{SEGMENT + 9}")
    assert again.body == resource.body[SEGMENT : SEGMENT + 10]
    assert len(resource.asked) == asked


async def test_of_a_large_resource_without_a_strong_tag_only_the_range_is_forwarded(cdn):
    resource = large(cdn, weak=True)
    for _ in range(2):
        got = await cdn.get("/large", Range="bytes=5-9")
        assert (got.status, got.body) == (206, resource.body[5:10])
    assert resource.asked[-1] == "bytes=5-9"
    assert resource.sent < 3 * SEGMENT


async def test_a_range_for_one_user_is_forwarded_as_it_is(cdn):
    resource = large(cdn, cache_control="private")
    got = await cdn.get("/large", Range="bytes=5-9", Authorization="Basic eDp5")
    assert (got.status, got.body) == (206, resource.body[5:10])
    assert resource.asked == ["bytes=5-9"]


async def test_a_private_range_goes_to_each_client_from_the_origin(cdn):
    resource = large(cdn, cache_control="private")
    for n in range(3):
        got = await cdn.get("/large", Range=f"bytes={n}-9")
        assert (got.status, got.body) == (206, resource.body[n:10])
    assert resource.asked[-1] == "bytes=2-9"


async def test_a_range_beyond_the_end_is_416_and_makes_nobody_else_wait(cdn):
    resource = large(cdn)
    got = await cdn.get("/large", Range="bytes=9000000-")
    assert got.status == 416
    got = await cdn.get("/large", Range="bytes=5-9")
    assert (got.status, got.body) == (206, resource.body[5:10])
    await settled(cdn)
    assert (await cdn.get("/large", Range="bytes=5-9")).cache_status[-1].startswith("edge-1;hit")


async def test_what_is_purged_is_not_added_to(cdn):
    resource = large(cdn)
    await cdn.get("/large", Range="bytes=0-9")
    await settled(cdn)
    for node in cdn.nodes:
        node.worker.tier.store.forget("http://site.example/large")
    assert (await cdn.get("/large", Range=f"bytes={SEGMENT}-{SEGMENT + 9}")).status == 206
    assert resource.sent == 2 * SEGMENT


async def test_pieces_survive_a_restart(cdn):
    resource = large(cdn)
    await cdn.get("/large", Range=f"bytes=0-{2 * SEGMENT - 1}")
    await settled(cdn)
    for node in cdn.nodes:
        await node.restart()
    got = await cdn.get("/large", Range=f"bytes=5-{3 * SEGMENT - 1}")
    assert got.body == resource.body[5 : 3 * SEGMENT]
    assert resource.sent == 3 * SEGMENT


WITHOUT_A_DISK = {"store": {"ram": "2MiB", "disk": 0, "segment": "64KiB"}, "fetch": {"whole_up_to": "128KiB"}}


@pytest.mark.parametrize("weak", [False, True], ids=["a strong tag", "a weak tag"])
async def test_without_a_disk_a_range_of_what_ram_does_not_take_is_passed_on(worlds, weak):
    async with worlds(tiers=2, **WITHOUT_A_DISK) as cdn:
        resource = large(cdn, length=3_000_000, weak=weak)
        asked = [f"bytes={at}-{at + 99_999}" for at in range(1_000_000, 2_000_000, 100_000)]
        for got, one in zip(
            await asyncio.gather(*(cdn.get("/large", Range=one) for one in asked)), asked, strict=True
        ):
            first = int(one[6:].partition("-")[0])
            assert (got.status, got.body) == (206, resource.body[first : first + 100_000])
        assert None not in resource.asked
        assert resource.sent <= 10 * 100_000 + 2 * SEGMENT, "a segment for each tier to learn of its size"


async def test_without_a_disk_a_range_of_what_ram_takes_has_it_fetched_whole(worlds):
    async with worlds(tiers=1, **WITHOUT_A_DISK) as cdn:
        resource = large(cdn)
        for number in range(3):
            at = (7 - number) * SEGMENT
            got = await cdn.get("/large", Range=f"bytes={at}-{at + 9}")
            assert (got.status, got.body) == (206, resource.body[at : at + 10])
            await settled(cdn)
        assert resource.asked == [f"bytes={7 * SEGMENT}-{8 * SEGMENT - 1}", None]
