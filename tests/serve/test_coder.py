"""The coder: forms made in a process of its own, which may end at any moment and whose failures are told."""

from __future__ import annotations

import asyncio
import gzip

import brotli
import pytest

from httpcache.serve.codecs import Undecodable
from httpcache.serve.coder import MOST_WAITING, Coder

TEXT = b"text and more text " * 20_000


async def pieces(data: bytes, size: int = 60_000):
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def whole(octets) -> bytes:
    return b"".join([piece async for piece in octets])


@pytest.fixture
async def coder():
    made = Coder()
    yield made
    made.close()


async def test_what_is_coded_and_decoded_is_what_it_was(coder):
    coded = await whole(coder.coded(pieces(TEXT), "br", 5))
    assert brotli.decompress(coded) == TEXT
    assert await whole(coder.decoded(pieces(coded), "br")) == TEXT


async def test_several_contents_at_once_do_not_mix(coder):
    texts = [TEXT + bytes(str(n), "ascii") for n in range(8)]
    got = await asyncio.gather(*(whole(coder.coded(pieces(one, 7_000), "gzip", 6)) for one in texts))
    assert [gzip.decompress(one) for one in got] == texts


async def test_octets_that_mean_nothing_are_told_and_the_next_content_is_decoded(coder):
    with pytest.raises(Undecodable):
        await whole(coder.decoded(pieces(b"no brotli at all" * 10), "br"))
    with pytest.raises(Undecodable):
        await whole(coder.decoded(pieces(gzip.compress(TEXT)[:-20]), "gzip"))
    assert await whole(coder.decoded(pieces(gzip.compress(TEXT)), "gzip")) == TEXT


async def test_a_reader_that_stops_in_the_middle_leaves_the_coder_to_others(coder):
    octets = coder.decoded(pieces(gzip.compress(TEXT)), "gzip")
    await anext(octets)
    await octets.aclose()
    assert await whole(coder.decoded(pieces(gzip.compress(b"other")), "gzip")) == b"other"


async def test_a_process_that_is_killed_is_replaced_and_what_it_was_at_is_given_up(coder):
    assert await whole(coder.coded(pieces(TEXT), "gzip", 1))

    async def killed_in_the_middle():
        yield TEXT
        coder._process.kill()
        coder._process.wait()
        yield TEXT

    with pytest.raises(Undecodable):
        await whole(coder.coded(killed_in_the_middle(), "gzip", 1))
    assert gzip.decompress(await whole(coder.coded(pieces(TEXT), "gzip", 1))) == TEXT


async def test_no_process_is_left_behind(coder):
    await whole(coder.coded(pieces(TEXT), "gzip", 1))
    process = coder._process
    coder.close()
    assert process.poll() is not None


async def test_a_task_that_is_cancelled_leaves_no_answer_for_the_next(coder):
    await whole(coder.coded(pieces(b"warm"), "gzip", 1))
    task = asyncio.create_task(whole(coder.coded(pieces(TEXT * 20, 2**20), "br", 11)))
    while not coder._turn.locked():
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gzip.decompress(await whole(coder.coded(pieces(b"other"), "gzip", 1))) == b"other"


async def test_forms_of_bodies_that_still_arrive_take_no_place_and_are_made_once_these_have_come(coder):
    ends = {n: asyncio.get_running_loop().create_future() for n in range(2 * MOST_WAITING)}
    scheduled = []
    for n, end in ends.items():
        coder.schedule_later(f"form{n}", end, lambda n=n: scheduled.append(n))
    assert not coder.may_make("form1"), "it is on its way"
    assert coder.may_make("another")
    for n, end in ends.items():
        end.set_result(n % 2 == 0)
    await coder.settle()
    assert scheduled == list(range(0, 2 * MOST_WAITING, 2)), "what did not come whole has no form"
    assert coder.may_make("form1")
