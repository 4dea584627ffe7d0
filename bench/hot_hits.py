"""Hits that stand in RAM, asked for over keep-alive connections with heads as browsers send: small and large bodies."""

from __future__ import annotations

import contextlib
from pathlib import Path

from bench import peers
from bench.heads import HEADS
from bench.load import Results, alternate

LUA = """
local n = 0
request = function()
  n = n + 1
  return wrk.format("GET", "/objects/" .. (n * 7919 % {objects}) .. "?size={size}&ttl=86400")
end
"""


def run(
    folder: Path,
    *,
    objects: int = 2000,
    size: int = 1024,
    rounds: int = 5,
    seconds: int = 4,
    connections: int = 64,
) -> Results:
    """2,000 objects of 1 KiB."""
    script = folder / "hot.lua"
    script.write_text(LUA.format(objects=objects, size=size) + HEADS)
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(peers.origin(folder))
        ports = {
            "edgeward": stack.enter_context(peers.edgeward(folder, origin)),
            "nginx": stack.enter_context(peers.nginx(folder, origin)),
            "varnish": stack.enter_context(peers.varnish(folder, origin)),
        }
        return alternate(ports, script, rounds=rounds, seconds=seconds, connections=connections)


def run_128k(folder: Path, *, rounds: int = 5, seconds: int = 4) -> Results:
    """200 objects of 128 KiB."""
    return run(folder, objects=200, size=128 * 2**10, rounds=rounds, seconds=seconds)


def run_1m(folder: Path, *, rounds: int = 5, seconds: int = 4) -> Results:
    """40 objects of 1 MiB."""
    return run(folder, objects=40, size=2**20, rounds=rounds, seconds=seconds)
