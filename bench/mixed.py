"""Hits and misses mixed: Zipf 0.9 over 20,000 objects of log-normal size, a small store, both tiers on one core."""

from __future__ import annotations

import contextlib
import math
import random
from itertools import accumulate
from pathlib import Path

from bench import pairs
from bench.heads import HEADS
from bench.load import Round, wrk

OBJECTS, EXPONENT, MEDIAN, SIGMA, LARGEST = 20_000, 0.9, 1.8 * 1024, 1.4, 2**20
"""The objects, Zipf's exponent, and the log-normal sizes in bytes."""

LUA = """
local keys = {{}}
for line in io.lines("{keys}") do keys[#keys + 1] = line end
local n = {start} % #keys
request = function()
  n = n % #keys + 1
  return wrk.format("GET", "/" .. keys[n])
end
"""


def make_files(folder: Path, seed: int = 1) -> None:
    """The origin's objects, 100 to a folder."""
    chance = random.Random(seed)
    page = b"".join(b"<p>line %d of a page</p>\n" % number for number in range(LARGEST // 20))
    for number in range(OBJECTS):
        size = min(LARGEST, max(64, int(chance.lognormvariate(math.log(MEDIAN), SIGMA))))
        path = folder / str(number // 100) / f"{number}.bin"
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o755)
        path.write_bytes(page[:size])


def keys(number: int, seed: int = 2) -> list[str]:
    """The sequence of requests: paths, by Zipf's law; which object is popular says nothing of its size."""
    chance = random.Random(seed)
    order = list(range(OBJECTS))
    chance.shuffle(order)
    weights = list(accumulate((rank + 1) ** -EXPONENT for rank in range(OBJECTS)))
    drawn = chance.choices(order, cum_weights=weights, k=number)
    return [f"{one // 100}/{one}.bin" for one in drawn]


def run(folder: Path, *, rounds: int = 5, seconds: int = 4, connections: int = 64) -> dict[str, list[Round]]:
    """Alternate the peers in rounds; each one's rounds by name. The shields are warm, the edges' stores are full."""
    make_files(pairs.origin_folder(folder))
    sequence = folder / "keys"
    sequence.write_text("\n".join(keys(400_000)))
    script = folder / "mixed.lua"
    results: dict[str, list[Round]] = {}
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(pairs.origin(folder))
        small = ("--ram", "12MiB", "--disk", "0")
        ports = {
            "edgeward": stack.enter_context(pairs.edgeward_pair(folder, origin, *small)),
            "nginx": stack.enter_context(pairs.nginx_pair(folder, origin, "12m")),
        }

        def once(port: int, start: int, length: int) -> Round:
            script.write_text(LUA.format(keys=sequence, start=start) + HEADS)
            return wrk(port, script, length, connections)

        for port in ports.values():
            once(port, 0, 10)
        for turn in range(rounds):
            for name, port in ports.items():
                results.setdefault(name, []).append(once(port, 60_000 * (turn + 1), seconds))
    return results
