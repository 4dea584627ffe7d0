"""Content coded or decoded as it is sent: in threads, few at a time however many clients, never on the loop."""

from __future__ import annotations

import asyncio
import gzip
import threading

import brotli
import pytest

from httpcache.messages import Fields, Form, ResponseHead
from httpcache.serve import codecs
from httpcache.serve.coding_threads import AT_ONCE, CodingThreads, decoding
from httpcache.serve.exchange import BrokenOff
from httpcache.serve.passed import DecodedBody
from httpcache.serve.transcoding import TranscodedContent
from httpcache.settings import CodingSettings
from tests.store import things

TEXT = b"text and more text " * 5_000


class Content:
    """Octets that come in pieces, as content of ours or as what a next hop sends."""

    head = ResponseHead(200, Fields([("Content-Encoding", "gzip")]))
    length = None

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    async def chunks(self):
        for at in range(0, len(self.octets), 10_000):
            yield self.octets[at : at + 10_000]

    def __aiter__(self):
        return self.chunks()

    async def close(self) -> None:
        """Nothing is held."""

    aclose = close


class Watched:
    """Notes who is at work in a codec, and holds all of them there while `gate` is shut."""

    def __init__(self, monkeypatch) -> None:
        self.at_work, self.most, self.gate = 0, 0, threading.Event()
        self.threads: set[int] = set()
        for name in ("Encoder", "Decoder"):
            monkeypatch.setattr(f"httpcache.serve.coding_threads.{name}.feed", self._watch(name))

    def _watch(self, name: str):
        feed = getattr(codecs, name).feed

        def work(codec, data):
            self.at_work += 1
            self.most = max(self.most, self.at_work)
            self.threads.add(threading.get_ident())
            self.gate.wait(5)
            self.at_work -= 1
            return feed(codec, data)

        def in_pieces(codec, data):
            yield from work(codec, data)

        return work if name == "Encoder" else in_pieces


@pytest.fixture
def watched(monkeypatch):
    made = Watched(monkeypatch)
    yield made
    made.gate.set()


def coded(threads: CodingThreads) -> TranscodedContent:
    return TranscodedContent(Content(TEXT), things.stored(), Form("br", "", None), CodingSettings(), threads)


def passed(threads: CodingThreads) -> DecodedBody:
    return DecodedBody(Content(gzip.compress(TEXT)), None, 10**6, threads)


async def whole(octets) -> bytes:
    return b"".join([piece async for piece in octets])


async def test_any_number_of_clients_take_few_threads_and_none_of_them_is_the_loops(watched):
    threads = CodingThreads()
    sending = [asyncio.ensure_future(whole(make(threads))) for _ in range(20) for make in (coded, passed)]
    async with asyncio.timeout(10):
        while watched.at_work < AT_ONCE:
            await asyncio.sleep(0.001)
    watched.gate.set()
    got = await asyncio.gather(*sending)
    assert {brotli.decompress(one) for one in got[::2]} | set(got[1::2]) == {TEXT}
    assert watched.most == AT_ONCE
    assert threading.get_ident() not in watched.threads


async def test_a_step_whose_client_has_left_counts_until_it_ends(watched):
    threads = CodingThreads()
    left = [asyncio.ensure_future(whole(coded(threads))) for _ in range(AT_ONCE)]
    async with asyncio.timeout(10):
        while watched.at_work < AT_ONCE:
            await asyncio.sleep(0.001)
    for one in left:
        one.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    others = [asyncio.ensure_future(whole(passed(threads))) for _ in range(5)]
    for _ in range(100):
        await asyncio.sleep(0)
    watched.gate.set()
    assert set(await asyncio.gather(*others)) == {TEXT}
    assert watched.most == AT_ONCE


async def test_what_swells_too_far_or_is_not_what_it_says_is_broken_off():
    threads = CodingThreads()
    with pytest.raises(BrokenOff):
        await whole(threads.run(Content(gzip.compress(TEXT)), lambda: decoding("gzip"), 1000))
    broken = DecodedBody(Content(gzip.compress(TEXT)[:-20]), None, 10**6, threads)
    assert await broken.is_coded()
    with pytest.raises(BrokenOff):
        await whole(broken)


async def test_what_is_not_coded_at_all_comes_as_it_is():
    body = DecodedBody(Content(TEXT), None, 10**6, CodingThreads())
    assert not await body.is_coded()
    assert await whole(body.as_it_came()) == TEXT
