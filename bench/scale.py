"""How the cost of a hit grows: with connections, with stored objects, and what a second worker brings."""

from __future__ import annotations

import contextlib
from pathlib import Path

from bench import peers
from bench.heads import HEADS
from bench.hot_hits import LUA
from bench.load import Results, wrk

CONNECTIONS = (16, 64, 256, 1024)
OBJECTS = (1_000, 10_000, 100_000)

ROOM = '[serve]\nheads = "512MiB"\n[store]\nram = "1GiB"\n'
"""Room for the heads and the bodies of all of them: by default the worker remembers some 10,000 heads at the most, and
about 70,000 objects of 1 KiB are in RAM, the others on disk. Asking for all in turn is the worst that can happen."""


def run(folder: Path, *, rounds: int = 3, seconds: int = 3) -> Results:
    """Edgeward alone; each row is one size. "edgeward" is 64 connections and 1,000 objects."""
    results: Results = {}
    script = folder / "scale.lua"
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(peers.origin(folder))
        port = stack.enter_context(peers.edgeward(folder, origin))

        def measure(name: str, objects: int, connections: int, at: int) -> None:
            script.write_text(LUA.format(objects=objects, size=1024) + HEADS)
            warm(at, objects)
            for _ in range(rounds):
                results.setdefault(name, []).append(wrk(at, script, seconds, connections))

        def warm(at: int, objects: int) -> None:
            script.write_text(LUA.format(objects=objects, size=1024) + HEADS)
            asked = 0.0
            while asked < 1.1 * objects:
                once = wrk(at, script, 3, 64)
                asked += once.requests_per_second * 3

        measure("edgeward", 1_000, 64, port)
        for connections in CONNECTIONS:
            measure(f"{connections:,} connections", 1_000, connections, port)
        for objects in OBJECTS:
            measure(f"{objects:,} objects", objects, 64, port)
        roomy = stack.enter_context(peers.edgeward(folder / "roomy", origin, settings=ROOM))
        for objects in OBJECTS[1:]:
            measure(f"{objects:,} objects, room for all", objects, 64, roomy)
        both = stack.enter_context(peers.edgeward(folder / "two", origin, workers=2, core="0,1"))
        measure("2 workers, both cores with the load", 1_000, 64, both)
    return results
