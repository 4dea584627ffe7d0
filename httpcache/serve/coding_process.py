"""The process that codes and decodes content for a worker: one piece of work at a time, behind everything else."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from typing import BinaryIO

from httpcache.serve.codecs import Decoder, Encoder, Undecodable

NICE = 15
"""How far it stands behind the workers, as `nice` counts."""

HEAD = struct.Struct("!cI")
"""Before each message: what it is, and how many octets follow."""

ENCODER, DECODER, FEED, MORE, FINISH = b"E", b"D", b"F", b"M", b"X"
"""What may be asked: to begin with "coding level" or "coding", to take octets, to give what is left of them, to end."""

OCTETS, UNDECODABLE = b".", b"!"
"""What may be answered: octets, of which there may be none, or why they mean nothing."""


class _Work:
    """The content that is worked at."""

    def __init__(self) -> None:
        self._encoder: Encoder | None = None
        self._decoder: Decoder | None = None
        self._pieces: Iterator[bytes] = iter(())

    def do(self, kind: bytes, octets: bytes) -> bytes:
        """Do what is asked. Raises Undecodable."""
        if kind == ENCODER:
            coding, _, level = octets.decode("ascii").partition(" ")
            self._encoder, self._decoder = Encoder(coding, int(level)), None
        elif kind == DECODER:
            self._encoder, self._decoder = None, Decoder(octets.decode("ascii"))
        elif self._encoder is not None:
            return self._encoder.feed(octets) if kind == FEED else self._encoder.finish()
        elif self._decoder is not None:
            return self._decoded(self._decoder, kind, octets)
        return b""

    def _decoded(self, decoder: Decoder, kind: bytes, octets: bytes) -> bytes:
        if kind == FEED:
            self._pieces = decoder.feed(octets)
        if kind == FINISH:
            decoder.finish()
            return b""
        return next(self._pieces, b"")


def serve(stream: BinaryIO, answers: BinaryIO) -> None:
    """Do what is asked on `stream`, one after another, until it ends."""
    work = _Work()
    while len(head := stream.read(HEAD.size)) == HEAD.size:
        kind, length = HEAD.unpack(head)
        try:
            answer, octets = OCTETS, work.do(kind, stream.read(length))
        except Undecodable as error:
            answer, octets = UNDECODABLE, str(error).encode()
        answers.write(HEAD.pack(answer, len(octets)) + octets)
        answers.flush()


def main() -> None:
    """Serve the worker at the other end of standard input, which is a socket; end when it ends."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
    with contextlib.suppress(ConnectionError), socket.socket(fileno=0) as own:
        serve(own.makefile("rb"), own.makefile("wb"))


if __name__ == "__main__":
    main()
