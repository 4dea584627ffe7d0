"""A body on its way in: everyone reads the same octets, RAM is bounded, a break is told."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.fetch.arriving import ArrivingBody
from httpcache.fetch.failures import NextHopError

SIZE = 64


class Kept:
    """Segments in a dict; `refuse` makes writing fail."""

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


def body(held: int = 10_000, *, refuse: bool = False) -> ArrivingBody:
    return ArrivingBody("b", None, Kept(refuse=refuse), size=SIZE, held=held)


async def everything(reader) -> bytes:
    try:
        return b"".join([data async for data in reader])
    finally:
        await reader.aclose()


@given(
    parts=st.lists(st.binary(min_size=1, max_size=200), max_size=20),
    held=st.sampled_from([SIZE, 2 * SIZE, 10_000]),
    ranges=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), max_size=3),
)
async def test_every_reader_gets_exactly_its_octets_at_any_bound_of_ram(parts, held, ranges):
    arriving, whole = body(held), b"".join(parts)
    readers = [arriving.read(), *(arriving.read(first, first + length) for first, length in ranges)]
    asked = [asyncio.ensure_future(everything(reader)) for reader in readers]
    for part in parts:
        await arriving.write(part)
    arriving.finish()
    got = await asyncio.gather(*asked, everything(arriving.read()))
    assert got[0] == got[-1] == whole
    assert [one for one in got[1:-1]] == [whole[first : first + length] for first, length in ranges]


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
