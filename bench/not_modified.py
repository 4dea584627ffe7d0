"""Hits answered with 304: a browser asks again with the entity tag that it was given."""

from __future__ import annotations

import contextlib
import urllib.request
from pathlib import Path

from bench import peers
from bench.heads import HEADS
from bench.load import Results, alternate

OBJECTS = 2000

LUA = """
local asks = {{}}
for line in io.lines("{tags}") do
  local path, tag = line:match("(%S+) (%S+)")
  local fields = {{}}
  for name, value in pairs(wrk.headers) do fields[name] = value end
  fields["If-None-Match"] = tag
  asks[#asks + 1] = {{path, fields}}
end
local n = 0
request = function()
  n = n % #asks + 1
  return wrk.format("GET", asks[n][1], asks[n][2])
end
"""


def run(folder: Path, *, rounds: int = 5, seconds: int = 4, connections: int = 64) -> Results:
    """2,000 objects of 1 KiB, whose tags the client knows."""
    script, tags = folder / "tags.lua", folder / "tags"
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(peers.origin(folder))
        ports = {
            "edgeward": stack.enter_context(peers.edgeward(folder, origin)),
            "nginx": stack.enter_context(peers.nginx(folder, origin)),
            "varnish": stack.enter_context(peers.varnish(folder, origin)),
        }
        paths = [f"/objects/{number}?size=1024&ttl=86400" for number in range(OBJECTS)]
        lines = [f"{path} {_tag(f'http://127.0.0.1:{origin}{path}')}" for path in paths]
        tags.write_text("\n".join(lines) + "\n")
        for port in ports.values():
            for path in paths:
                _tag(f"http://127.0.0.1:{port}{path}")
        script.write_text(HEADS + LUA.format(tags=tags))
        return alternate(ports, script, rounds=rounds, seconds=seconds, connections=connections)


def _tag(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        answer.read()
        return str(answer.headers["ETag"])
