"""A body on its way in: everyone reads the same octets, RAM is bounded, a break is told."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.fetch.arriving import ArrivingBody
from httpcache.fetch.failures import LostOctets, NextHopError
from httpcache.fetch.held import HeldInAll

SIZE = 64


class InFile(NamedTuple):
    """Octets that stand in a file."""

    octets: bytes

    @property
    def length(self) -> int:
        return len(self.octets)

    def part(self, first: int, end: int) -> InFile:
        return InFile(self.octets[first:end])


class Kept:
    """Segments in a dict, every second one in a file; `refuse` makes writing fail."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.segments: dict[tuple[str, int], bytes] = {}
        self.refuse = refuse

    async def write(self, body_id: str, index: int, data: bytes) -> bool:
        await asyncio.sleep(0)
        if self.refuse:
            return False
        self.segments[body_id, index] = data
        return True

    async def read(self, body_id: str, index: int) -> bytes | None:
        await asyncio.sleep(0)
        return self.segments.get((body_id, index))

    async def locate(self, body_id: str, index: int) -> InFile | None:
        await asyncio.sleep(0)
        octets = self.segments.get((body_id, index))
        return InFile(octets) if octets is not None and index % 2 else None


def body(held: int = 10_000, *, refuse: bool = False) -> ArrivingBody:
    return ArrivingBody("b", None, Kept(refuse=refuse), size=SIZE, held=held)


async def everything(reader) -> bytes:
    try:
        return b"".join([data async for data in reader])
    finally:
        await reader.aclose()


async def sent(reader) -> bytes:
    """All that a reader gives to be sent, out of RAM and out of files."""
    parts = [part async for part in reader.parts()]
    return b"".join(part.octets if isinstance(part, InFile) else part for part in parts)


@given(
    parts=st.lists(st.binary(min_size=1, max_size=200), max_size=20),
    held=st.sampled_from([SIZE, 2 * SIZE, 10_000]),
    ranges=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), max_size=3),
)
async def test_every_reader_gets_exactly_its_octets_at_any_bound_of_ram(parts, held, ranges):
    arriving, whole = body(held), b"".join(parts)
    readers = [arriving.read(), *(arriving.read(first, first + length) for first, length in ranges)]
    asked = [asyncio.ensure_future(everything(reader)) for reader in readers]
    filed = [asyncio.ensure_future(sent(arriving.read(first, first + length))) for first, length in ranges]
    for part in parts:
        await arriving.write(part)
    arriving.finish()
    got = await asyncio.gather(*asked, everything(arriving.read()), sent(arriving.read()))
    assert got[0] == got[-1] == got[-2] == whole
    wanted = [whole[first : first + length] for first, length in ranges]
    assert got[1:-2] == await asyncio.gather(*filed) == wanted


async def test_beyond_its_bound_ram_is_given_back():
    arriving = body(held=2 * SIZE)
    for _ in range(20):
        await arriving.write(b"x" * SIZE)
    assert sum(map(len, arriving._ram.values())) <= 2 * SIZE
    assert arriving.contents() is None


async def test_a_small_body_stays_in_ram_whole():
    arriving = body()
    await arriving.write(b"ab")
    await arriving.write(b"cd")
    arriving.finish()
    assert arriving.contents() == b"abcd"
    assert arriving.length == 4


async def test_a_reader_is_told_where_the_body_breaks_off():
    arriving = body()
    await arriving.write(b"half")
    reader = arriving.read()
    assert await anext(reader) == b"half"
    arriving.fail(NextHopError("http_response_incomplete", 502))
    with pytest.raises(NextHopError):
        await anext(reader)


async def test_when_segments_cannot_be_written_readers_still_get_everything_and_ram_stays_bounded():
    arriving = body(held=2 * SIZE, refuse=True)
    reader, whole = arriving.read(), bytes(range(256)) * 10

    async def fill():
        for index in range(0, len(whole), 50):
            await arriving.write(whole[index : index + 50])
            assert sum(map(len, arriving._ram.values())) <= 4 * SIZE
        arriving.finish()

    filling = asyncio.ensure_future(fill())
    assert await asyncio.wait_for(everything(reader), 5) == whole
    await filling
    assert not arriving.kept
    assert not arriving.may_be_joined


async def test_a_writer_waits_for_nobody_when_nobody_reads_and_nothing_is_kept():
    arriving = body(held=SIZE)
    arriving.abandon()
    arriving.stop_keeping()
    for _ in range(50):
        await asyncio.wait_for(arriving.write(b"x" * SIZE), 1)


async def test_a_reader_that_leaves_frees_the_writer():
    arriving = body(held=SIZE)
    reader = arriving.read()
    arriving.stop_keeping()
    writing = asyncio.ensure_future(arriving.write(b"x" * SIZE * 10))
    await asyncio.sleep(0)
    assert not writing.done()
    await reader.aclose()
    await asyncio.wait_for(writing, 1)


async def test_it_is_abandoned_once_the_last_reader_left_before_its_end():
    one = body()
    first, second = one.read(), one.read()
    assert not one.is_abandoned
    await first.aclose()
    assert not one.is_abandoned, "another reads"
    await second.aclose()
    assert one.is_abandoned
    third = one.read()
    assert not one.is_abandoned, "somebody reads again"
    await one.write(b"x" * 10)
    one.finish()
    assert await everything(third) == b"x" * 10
    assert not one.is_abandoned, "the last one has all that it wanted"


async def test_a_reader_that_has_its_range_abandons_nothing():
    one = body()
    reader = one.read(0, 5)
    await one.write(b"x" * 10)
    assert await everything(reader) == b"xxxxx"
    assert not one.is_abandoned


async def test_what_stands_in_a_file_is_told_in_place_of_being_read_and_can_be_read_again():
    arriving, whole = body(held=SIZE), bytes(range(SIZE * 4))
    await arriving.write(whole)
    arriving.finish()
    reader = arriving.read(10, None)
    parts = [part async for part in reader.parts()]
    assert [type(part).__name__ for part in parts] == ["bytes", "InFile", "bytes", "memoryview"]
    assert parts[1].octets == whole[SIZE : 2 * SIZE]
    again = [octets async for octets in reader.again(SIZE + 5, 2 * SIZE)]
    assert b"".join(again) == whole[SIZE + 5 : 2 * SIZE]


async def test_those_who_read_at_the_same_place_are_given_the_same_octets_not_copies():
    came = bytes(100_000)
    one = ArrivingBody("b", None, Kept(), size=2**20, held=2**20)
    await one.write(came)
    assert await anext(one.read()) is came
    assert await anext(one.read()) is came
    half = await anext(one.read(50_000, None))
    assert isinstance(half, memoryview) and half.obj is came


async def test_short_runs_are_put_together_for_those_who_are_behind():
    arriving = ArrivingBody("b", None, Kept(), size=2**20, held=2**20)
    for number in range(1000):
        await arriving.write(bytes([number % 256]) * 10)
    arriving.finish()
    runs = [octets async for octets in arriving.read()]
    assert len(runs) == 1
    assert len(runs[0]) == 10_000


def going_on(whole: bytes, asked: list[tuple[int, int]]):
    """Octets of the same representation from elsewhere."""

    async def octets(first: int, end: int):
        asked.append((first, end))
        yield whole[first:end]

    return octets


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("httpcache.fetch.arriving.PATIENCE", 0.0)


@pytest.mark.parametrize("refuse", [True, False], ids=["no room on disk", "not kept"])
async def test_a_stalled_reader_stops_nobody_and_goes_on_by_a_request_of_its_own(impatient, refuse):
    whole, asked = bytes(range(256)) * 10, []
    room = HeldInAll(10**6)
    segments = Kept(refuse=refuse)
    arriving = ArrivingBody("b", len(whole), segments, size=SIZE, held=SIZE, room=room)
    arriving.goes_on = going_on(whole, asked)
    if not refuse:
        arriving.stop_keeping()
    stalled, fast = arriving.read(), arriving.read()
    reading = asyncio.ensure_future(everything(fast))
    first = None
    for at in range(0, len(whole), 50):
        await asyncio.wait_for(arriving.write(whole[at : at + 50]), 5)
        first = first or await anext(stalled)
        assert room.used <= 3 * SIZE
    arriving.finish()
    assert await asyncio.wait_for(reading, 5) == whole
    assert first + await everything(stalled) == whole
    assert asked and asked[0][1] == len(whole)


async def test_a_stalled_reader_of_what_cannot_be_asked_for_again_is_broken_off(impatient):
    arriving = body(held=SIZE)
    stalled, fast = arriving.read(), arriving.read()
    arriving.stop_keeping()
    reading = asyncio.ensure_future(everything(fast))
    await asyncio.wait_for(arriving.write(b"x" * SIZE * 10), 5)
    arriving.finish()
    assert len(await asyncio.wait_for(reading, 5)) == SIZE * 10
    with pytest.raises(LostOctets):
        await everything(stalled)


async def test_those_who_wait_have_some_patience_with_who_is_only_slower():
    arriving, whole = body(held=SIZE), bytes(SIZE * 10)
    slow, fast = arriving.read(), arriving.read()
    arriving.stop_keeping()
    reading = [asyncio.ensure_future(everything(one)) for one in (fast, slow)]
    await asyncio.wait_for(arriving.write(whole), 5)
    arriving.finish()
    assert await asyncio.gather(*reading) == [whole, whole]


async def test_what_is_not_kept_waits_for_its_first_reader_and_not_for_ever(monkeypatch):
    arriving, whole = body(held=SIZE, refuse=True), bytes(range(256)) * 2
    writing = asyncio.ensure_future(arriving.write(whole))
    while arriving.kept:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not writing.done(), "the answer is still in the making"
    reading = asyncio.ensure_future(everything(arriving.read()))
    await asyncio.wait_for(writing, 5)
    arriving.finish()
    assert await reading == whole
    monkeypatch.setattr("httpcache.fetch.arriving.FIRST_READER", 0.0)
    await asyncio.wait_for(body(held=SIZE, refuse=True).write(whole), 5)


async def test_a_segment_that_is_lost_while_it_arrives_is_asked_for():
    whole, asked = bytes(range(256)), []
    segments = Kept()
    arriving = ArrivingBody("b", 256, segments, size=SIZE, held=SIZE)
    arriving.goes_on = going_on(whole, asked)
    reader = arriving.read()
    await arriving.write(whole)
    arriving.finish()
    del segments.segments["b", 1]
    assert await everything(reader) == whole
    assert asked == [(SIZE, 2 * SIZE)]
