"""Ports of 127.0.0.1 for the servers of a play."""

from __future__ import annotations

import contextlib
import secrets
import socket

LOWEST, HIGHEST = 10_000, 31_000
"""Below the range that systems take the ports of outgoing connections from, which come and go while tests run."""


def free_port() -> int:
    """A port that nothing listens on, whose admin port is free too."""
    while True:
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        with socket.socket() as one, socket.socket() as other, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 1000))
            return port
