"""Ports of 127.0.0.1 for the servers of a play."""

from __future__ import annotations

import contextlib
import socket


def free_port() -> int:
    """A port that nothing listens on, whose admin port is free too."""
    while True:
        with socket.socket() as one, contextlib.suppress(OSError), socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            if port < 64000:
                other.bind(("127.0.0.1", port + 1000))
                return port
