"""How the cost of a hit grows: with connections, with stored objects, and what a second worker brings."""

from __future__ import annotations

import contextlib
from pathlib import Path

from bench import peers
from bench.heads import HEADS
from bench.load import Results, Round, wrk

CONNECTIONS = (16, 64, 256, 1024)
OBJECTS = (1_000, 10_000, 100_000)

ROOM = '[serve]\nheads = "512MiB"\n[store]\nram = "1GiB"\n'
"""Room for the heads and the bodies of all of them: by default the worker remembers some 10,000 heads at the most, and
about 70,000 objects of 1 KiB are in RAM, the others on disk. Asking for all in turn is the worst that can happen."""

PASSES = 2.1
"""How often each object is asked for before measuring: the first time it is fetched, the next its answer made ready."""

LUA = """
local n = {start}
request = function()
  n = n + 1
  return wrk.format("GET", "/objects/" .. (n * 7919 % {objects}) .. "?size=1024&ttl=86400")
end
"""


def run(folder: Path, *, rounds: int = 3, seconds: int = 3) -> Results:
    """Edgeward alone; each row is one size. "edgeward" is 64 connections and 1,000 objects."""
    results: Results = {}
    script = folder / "scale.lua"
    asked: dict[tuple[int, int], int] = {}
    """Requests so far, by port and number of objects: each run goes on where the one before it ended."""

    def once(at: int, objects: int, length: int, connections: int) -> Round:
        start = asked.get((at, objects), 0)
        script.write_text(LUA.format(start=start, objects=objects) + HEADS)
        one = wrk(at, script, length, connections)
        asked[at, objects] = start + one.requests
        return one

    def measure(name: str, objects: int, connections: int, at: int) -> None:
        while asked.get((at, objects), 0) < PASSES * objects:
            once(at, objects, 3, 64)
        results[name] = [once(at, objects, seconds, connections) for _ in range(rounds)]

    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(peers.origin(folder))
        port = stack.enter_context(peers.edgeward(folder, origin))
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
