"""Cold misses: every URL is asked for once, through edge and shield on one core, beside NGINX in front of NGINX."""

from __future__ import annotations

import contextlib
from itertools import count
from pathlib import Path

from bench import pairs
from bench.heads import HEADS
from bench.load import Round, wrk

LUA = """
local n = 0
local base = {base}
request = function()
  n = n + 1
  return wrk.format("GET", "/cold/" .. (base + n))
end
"""

APART = 10_000_000
"""Distance between the first URLs of two runs: no run asks for what another has asked for."""


def run(folder: Path, *, rounds: int = 5, seconds: int = 4, connections: int = 32) -> dict[str, list[Round]]:
    """Alternate the peers in rounds; each one's rounds by name."""
    bases = count(APART, APART)
    results: dict[str, list[Round]] = {}
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(pairs.origin(folder))
        ports = {
            "edgeward": stack.enter_context(pairs.edgeward_pair(folder, origin)),
            "nginx": stack.enter_context(pairs.nginx_pair(folder, origin)),
        }

        def once(port: int, length: int) -> Round:
            script = folder / "cold.lua"
            script.write_text(LUA.format(base=next(bases)) + HEADS)
            return wrk(port, script, length, connections)

        for port in ports.values():
            once(port, 2)
        for _ in range(rounds):
            for name, port in ports.items():
                results.setdefault(name, []).append(once(port, seconds))
    return results
