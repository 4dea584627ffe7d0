"""Idle connections: what each of 10,000 costs in memory, beside NGINX's."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from pathlib import Path

from bench import peers

CONNECTIONS = 10_000
ASKS = b"GET /objects/1?ttl=86400 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def run(folder: Path) -> dict[str, float]:
    """Bytes of resident memory for each connection that has asked once and is kept, by peer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, CONNECTIONS * 2 + 100), hard))
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        origin = stack.enter_context(peers.origin(folder))
        more = f"[serve]\nconnections = {CONNECTIONS + 100}\n"
        ports = {
            "edgeward": stack.enter_context(peers.edgeward(folder, origin, settings=more)),
            "nginx": stack.enter_context(peers.nginx(folder, origin)),
        }
        return {name: _cost(port) for name, port in ports.items()}


def _cost(port: int) -> float:
    _hold(port, 100)  # what the first ones cost is paid once
    before = peers.resident(port)
    held = _hold(port, CONNECTIONS)
    after = peers.resident(port)
    for one in held:
        one.close()
    return (after - before) / CONNECTIONS


def _hold(port: int, number: int) -> list[socket.socket]:
    held = []
    for _ in range(number):
        one = socket.create_connection(("127.0.0.1", port), timeout=30)
        one.sendall(ASKS)
        if not one.recv(65536).startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"no answer after {len(held)} connections")
        held.append(one)
    time.sleep(0.5)
    return held
