"""Hits and misses mixed: Zipf 0.9 over 20,000 objects of log-normal size, a small store, both tiers on one core."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import random
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

from bench import edge_stores, pairs
from bench.heads import HEADS
from bench.load import Results, wrk
from bench.warming import ask_for

OBJECTS, EXPONENT, MEDIAN, SIGMA, LARGEST = 20_000, 0.9, 1.8 * 1024, 1.4, 2**20
"""The objects, Zipf's exponent, and the log-normal sizes in bytes."""

SEQUENCE, FIRST = 1_000_000, 40_000
"""Requests in the sequence, and how many of them come before measuring: they fill the edges' stores."""

HELD_TO, KEYS = "nginx, held to 12 MiB", "240k"
"""NGINX with room for so few keys that what it stores stays near the budget: it drops one for each that comes."""

LUA = """
local keys = {{}}
for line in io.lines("{keys}") do keys[#keys + 1] = line end
local n = {start} % #keys
request = function()
  n = n % #keys + 1
  return wrk.format("GET", keys[n])
end
"""


def path(number: int) -> str:
    """The path of an object, at the origin and in its folder: 100 to a folder. Nobody codes files of this kind."""
    return f"/{number // 100}/{number}.bin"


def make_files(folder: Path, seed: int = 1) -> None:
    """The origin's objects."""
    chance = random.Random(seed)
    page = b"".join(b"<p>line %d of a page</p>\n" % number for number in range(LARGEST // 20))
    for number in range(OBJECTS):
        size = min(LARGEST, max(64, int(chance.lognormvariate(math.log(MEDIAN), SIGMA))))
        file = folder / path(number)[1:]
        file.parent.mkdir(exist_ok=True)
        file.parent.chmod(0o755)
        file.write_bytes(page[:size])


def paths(number: int, seed: int = 2) -> list[str]:
    """The sequence of requests, by Zipf's law; which object is popular says nothing of its size."""
    chance = random.Random(seed)
    order = list(range(OBJECTS))
    chance.shuffle(order)
    weights = list(accumulate((rank + 1) ** -EXPONENT for rank in range(OBJECTS)))
    return [path(one) for one in chance.choices(order, cum_weights=weights, k=number)]


def run(folder: Path, *, rounds: int = 5, seconds: int = 4, connections: int = 64) -> Results:
    """Alternate the peers in rounds; each one's rounds by name.

    Before, each is asked for every object once, through both tiers, and then for the first part of the sequence: so
    their shields hold all and their edges are full. From there each goes on in the sequence where it was. The
    budget is the same, but NGINX holds several times as much: its cache manager trims the store every ten seconds
    only. So it runs a second time, held to the budget by the number of keys.
    """
    make_files(pairs.origin_folder(folder))
    sequence, script, asked = folder / "keys", folder / "mixed.lua", paths(SEQUENCE)
    sequence.write_text("\n".join(asked))
    results: Results = {}
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(pairs.origin(folder))
        small = ("--ram", "12MiB", "--disk", "0")
        ports = {
            "edgeward": stack.enter_context(pairs.edgeward_pair(folder, origin, *small)),
            "nginx": stack.enter_context(pairs.nginx_pair(folder, origin, "12m")),
            HELD_TO: stack.enter_context(pairs.nginx_pair(folder, origin, "12m", KEYS, "held")),
        }
        look: dict[str, Callable[[], edge_stores.Look]] = {
            "edgeward": lambda: edge_stores.ours(ports["edgeward"]),
            "nginx": lambda: edge_stores.nginx(folder / "nginx-edge"),
            HELD_TO: lambda: edge_stores.nginx(folder / "held-edge"),
        }
        place = dict.fromkeys(ports, FIRST)
        for port in ports.values():
            ask_for(port, map(path, range(OBJECTS)))
            ask_for(port, asked[:FIRST])
        for _ in range(rounds):
            for name, port in ports.items():
                script.write_text(LUA.format(keys=sequence, start=place[name]) + HEADS)
                before = look[name]()
                one = wrk(port, script, seconds, connections)
                place[name] += one.requests
                told = edge_stores.between(before, look[name]())
                results.setdefault(name, []).append(dataclasses.replace(one, told=told))
    return results
