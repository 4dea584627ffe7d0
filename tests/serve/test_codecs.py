"""Codings made and undone piece by piece: any octets, cut anywhere, come back; bombs and rubbish come to an end."""

from __future__ import annotations

import contextlib
import gzip
import os
import zlib

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from httpcache.serve.codecs import PIECE, ZSTD_FEED, Decoder, Encoder, Undecodable, level_of
from httpcache.settings import CodingSettings

CODINGS = ["br", "gzip", "zstd"]
LARGEST_PIECE = {"br": 2 * PIECE, "gzip": PIECE, "zstd": ZSTD_FEED // 4 * 128 * 2**10}


def encoded(body: bytes, coding: str, *, at: tuple[int, ...] = (), **settings) -> bytes:
    encoder = Encoder(coding, level_of(coding, CodingSettings(**settings)))
    return b"".join(encoder.feed(part) for part in cut(body, at)) + encoder.finish()


def decoded(octets: bytes, coding: str, at: tuple[int, ...] = ()) -> bytes:
    decoder = Decoder(coding)
    body = b"".join(piece for part in cut(octets, at) for piece in decoder.feed(part))
    decoder.finish()
    return body


def cut(octets: bytes, at: tuple[int, ...]) -> list[bytes]:
    ends = sorted({one % (len(octets) + 1) for one in at} | {len(octets)})
    return [octets[first:end] for first, end in zip([0, *ends], ends, strict=False)]


PLACES = st.lists(st.integers(0, 10_000), max_size=6).map(tuple)


@given(st.binary(max_size=5000), st.sampled_from(CODINGS), PLACES, PLACES)
def test_whatever_is_coded_comes_back_however_it_is_cut(body, coding, at, then):
    assert decoded(encoded(body, coding, at=at), coding, then) == body


@pytest.mark.parametrize(
    ("coding", "undo"),
    [
        ("br", brotli.decompress),
        ("gzip", gzip.decompress),
        ("zstd", lambda octets: zstandard.ZstdDecompressor().decompressobj().decompress(octets)),
    ],
)
def test_other_programs_read_what_is_coded_here_and_the_other_way_round(coding, undo):
    body = b"text and more text " * 10_000
    assert undo(encoded(body, coding)) == body
    assert decoded(gzip.compress(body), "gzip") == body
    assert decoded(brotli.compress(body), "br") == body
    assert decoded(zstandard.compress(body), "zstd") == body


def test_what_is_asked_for_often_is_smaller():
    body = " ".join(str(n * n) for n in range(20_000)).encode()
    fast, small = (Encoder("br", level_of("br", CodingSettings(), high=high)) for high in (False, True))
    sizes = [len(one.feed(body) + one.finish()) for one in (fast, small)]
    assert sizes[1] < sizes[0] < len(body)


def test_members_of_gzip_and_frames_of_zstd_follow_each_other():
    members = gzip.compress(b"one ") + gzip.compress(b"two ") + gzip.compress(b"")
    frames = zstandard.compress(b"one ") + zstandard.compress(b"two ")
    for at in ((), (5,), tuple(range(200))):
        assert decoded(members, "gzip", at) == decoded(frames, "zstd", at) == b"one two "


def test_what_follows_the_end_of_gzip_means_nothing():
    assert decoded(gzip.compress(b"one") + b"\0\0\0\0", "gzip") == b"one"


BOMB = bytes(200 * 2**20)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_comes_in_small_pieces(coding):
    bomb = encoded(BOMB, coding, gzip_level=9, br_quality=1, zstd_level=1)
    assert len(bomb) < len(BOMB) / 900
    pieces = Decoder(coding).feed(bomb)
    total = 0
    for piece in pieces:
        assert len(piece) <= LARGEST_PIECE[coding]
        total += len(piece)
        if total > 20 * 2**20:
            break
    assert total < 40 * 2**20


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("what", ["rubbish", "cut", "nothing", "flipped"])
def test_what_is_not_of_the_coding_is_told(coding, what):
    good = encoded(os.urandom(3000), coding)
    flipped = bytes([good[0] ^ 0xFF]) + good[1:]
    octets = {"rubbish": b"<html>not coded</html>", "cut": good[:-9], "nothing": b"", "flipped": flipped}[
        what
    ]
    with pytest.raises(Undecodable):
        decoded(octets, coding)


@given(st.binary(max_size=300), st.sampled_from(CODINGS))
def test_any_octets_are_decoded_or_told_to_be_undecodable(octets, coding):
    with contextlib.suppress(Undecodable):
        decoded(octets, coding)


def test_zstd_that_would_need_more_memory_than_readers_give_is_not_read():
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    coder = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(Undecodable):
        decoded(coder.compress(os.urandom(2**16)) + coder.flush(), "zstd")


@pytest.mark.parametrize("level", [1, 9, 22])
def test_zstd_made_here_needs_no_more_memory_than_readers_give(level):
    octets = encoded(os.urandom(2**16), "zstd", zstd_level=level)
    assert zstandard.get_frame_parameters(octets).window_size <= 8 * 2**20


def test_gzip_made_here_is_the_same_whenever_it_is_made():
    assert encoded(b"abc" * 1000, "gzip") == encoded(b"abc" * 1000, "gzip")
    assert zlib.decompress(encoded(b"abc", "gzip"), 31) == b"abc"
