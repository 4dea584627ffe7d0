"""Hot hits: small objects that all stand in RAM, asked for over keep-alive connections with heads as browsers send."""

from __future__ import annotations

import contextlib
import re
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench import peers
from bench.heads import HEADS

LUA = """
local n = 0
request = function()
  n = n + 1
  return wrk.format("GET", "/objects/" .. (n * 7919 % {objects}) .. "?size={size}&ttl=86400")
end
"""


@dataclass(frozen=True)
class Round:
    """What one run of the load generator measured. Latencies are in milliseconds."""

    requests_per_second: float
    p50: float
    p99: float
    errors: int


def wrk(port: int, script: Path, seconds: int, connections: int) -> Round:
    """One run of wrk on its own core."""
    command = [
        "taskset",
        "-c",
        peers.LOAD_CORE,
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--latency",
    ]
    done = subprocess.run(
        [*command, "-s", str(script), f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True
    )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    percentiles = dict(re.findall(r"^\s+(50|99)%\s+([\d.]+(?:us|ms|s))", done.stdout, re.MULTILINE))
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    if rate is None:
        raise RuntimeError(f"wrk printed no rate:\n{done.stdout}")
    return Round(
        float(rate[1]),
        _ms(percentiles.get("50", "0ms")),
        _ms(percentiles.get("99", "0ms")),
        int(errors[1]) if errors else 0,
    )


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def run(
    folder: Path,
    *,
    objects: int = 2000,
    size: int = 1024,
    rounds: int = 5,
    seconds: int = 4,
    connections: int = 64,
):
    """Alternate the peers in rounds; each one's rounds by name."""
    script = folder / "hot.lua"
    script.write_text(LUA.format(objects=objects, size=size) + HEADS)
    results: dict[str, list[Round]] = {}
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(peers.origin(folder))
        ports = {
            "edgeward": stack.enter_context(peers.edgeward(folder, origin)),
            "nginx": stack.enter_context(peers.nginx(folder, origin)),
            "varnish": stack.enter_context(peers.varnish(folder, origin)),
        }
        for port in ports.values():
            wrk(port, script, max(2, seconds // 2), connections)
        for _ in range(rounds):
            for name, port in ports.items():
                results.setdefault(name, []).append(wrk(port, script, seconds, connections))
    return results


def median_ratio(results: dict[str, list[Round]], peer: str) -> float:
    """The median over rounds of Edgeward's rate over the peer's in the same round."""
    pairs = zip(results["edgeward"], results[peer], strict=True)
    return statistics.median(own.requests_per_second / other.requests_per_second for own, other in pairs)
