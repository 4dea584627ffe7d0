"""Content codings made and undone piece by piece, in bounded memory (RFC 9110 §8.4.1, RFC 7932, RFC 8878)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import brotli
import zstandard

if TYPE_CHECKING:
    from httpcache.settings import CodingSettings  # the process that codes does without

PIECE = 64 * 2**10
"""Most octets that a decoder gives at once, in bytes; of zstd some blocks more."""

ZSTD_WINDOW_LOG = 23
"""Readers of zstd need not go back further than 8 MiB (RFC 9659 §3)."""

ZSTD_FEED = 256
"""Octets of zstd that are decoded at once: each four can mean a block of 128 KiB, so these mean 8 MiB at the most."""

_GZIP_MARK = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS


class Undecodable(Exception):
    """The octets are not of the coding that they are said to be, or end before their end."""


def level_of(coding: str, settings: CodingSettings, *, high: bool = False) -> int:
    """The quality of a coding as it is set; `high` is for what is asked for often."""
    if coding == "br":
        return settings.br_high_quality if high else settings.br_quality
    return settings.zstd_level if coding == "zstd" else settings.gzip_level


class Encoder:
    """Codes one content: `feed` its octets, then `finish`."""

    def __init__(self, coding: str, level: int) -> None:
        """`coding` is "br", "zstd" or "gzip", `level` its quality as level_of has it."""
        if coding == "br":
            compressor = brotli.Compressor(quality=level)
            self._feed, self._finish = compressor.process, compressor.finish
        elif coding == "zstd":
            zstd = zstandard.ZstdCompressor(compression_params=_zstd_parameters(level)).compressobj()
            self._feed, self._finish = zstd.compress, zstd.flush
        else:
            gzip = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
            self._feed, self._finish = gzip.compress, gzip.flush

    def feed(self, data: bytes) -> bytes:
        """Coded octets, as far as there are any yet."""
        return bytes(self._feed(data))

    def finish(self) -> bytes:
        """The rest."""
        return bytes(self._finish())


def _zstd_parameters(level: int) -> zstandard.ZstdCompressionParameters:
    usual = zstandard.ZstdCompressionParameters.from_level(level)
    return zstandard.ZstdCompressionParameters.from_level(
        level, window_log=min(usual.window_log, ZSTD_WINDOW_LOG), write_checksum=True
    )


class Decoder:
    """Undoes the coding of one content. However much the octets swell, they are given in small pieces."""

    def __init__(self, coding: str) -> None:
        self._pieces = {"br": self._brotli, "zstd": self._zstd, "gzip": self._gzip}[coding]
        self._brotli_state = brotli.Decompressor() if coding == "br" else None
        self._state: Any = _zstd_frame() if coding == "zstd" else zlib.decompressobj(_GZIP)
        self._is_over = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The octets that these mean, piece by piece. Raises Undecodable."""
        try:
            for piece in self._pieces(data):
                if piece:
                    yield piece
        except (brotli.error, zlib.error, zstandard.ZstdError) as error:
            raise Undecodable(str(error)) from error

    def finish(self) -> None:
        """Everything has been fed. Raises Undecodable where the end is missing."""
        if self._brotli_state is not None:
            is_whole = self._brotli_state.is_finished()
        else:
            is_whole = self._is_over or self._state.eof
        if not is_whole:
            raise Undecodable("ends before its end")

    def _brotli(self, data: bytes) -> Iterator[bytes]:
        state = self._brotli_state
        assert state is not None
        if state.is_finished():
            return
        piece = state.process(data, output_buffer_limit=PIECE)
        while piece:
            yield piece
            piece = b"" if state.is_finished() else state.process(b"", output_buffer_limit=PIECE)

    def _gzip(self, data: bytes) -> Iterator[bytes]:
        while data and not self._is_over:
            yield self._state.decompress(data, PIECE)
            data = self._state.unconsumed_tail
            if self._state.eof and self._state.unused_data:
                data = self._state.unused_data
                self._state = zlib.decompressobj(_GZIP)
                self._is_over = (
                    data[:2] != _GZIP_MARK[: len(data)]
                )  # what follows the end means nothing, then

    def _zstd(self, data: bytes) -> Iterator[bytes]:
        for at in range(0, len(data), ZSTD_FEED):
            part = data[at : at + ZSTD_FEED]
            while part:
                if self._state.eof:
                    self._state = _zstd_frame()
                yield self._state.decompress(part)
                part = self._state.unused_data


def _zstd_frame() -> zstandard.ZstdDecompressionObj:
    return zstandard.ZstdDecompressor(max_window_size=2**ZSTD_WINDOW_LOG).decompressobj()
