"""One run of the load generator (wrk) on its own core, and what a server's own core spent on it."""

from __future__ import annotations

import re
import statistics
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from bench import peers


@dataclass(frozen=True)
class Round:
    """What one run measured. Latencies are milliseconds, `cpu` microseconds of the server's core for a request.

    `told` has figures that one scenario alone knows, by the title of their column.
    """

    requests_per_second: float
    p50: float
    p99: float
    errors: int
    cpu: float = 0.0
    requests: int = 0
    told: dict[str, float] = field(default_factory=dict)


Results = dict[str, list[Round]]
"""The rounds of each peer, by its name."""


def wrk_command(seconds: int, connections: int) -> list[str]:
    """What runs wrk on the core that is the load's."""
    return ["taskset", "-c", peers.LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]


def wrk(port: int, script: Path, seconds: int, connections: int) -> Round:
    """One run of wrk on its own core."""
    command = [*wrk_command(seconds, connections), "--latency"]
    spent = peers.cpu_seconds(port)
    done = subprocess.run(
        [*command, "-s", str(script), f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True
    )
    spent = peers.cpu_seconds(port) - spent
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    number = re.search(r"(\d+) requests in", done.stdout)
    percentiles = dict(re.findall(r"^\s+(50|99)%\s+([\d.]+(?:us|ms|s))", done.stdout, re.MULTILINE))
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    failed = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", done.stdout)
    if rate is None or number is None:
        raise RuntimeError(f"wrk printed no rate:\n{done.stdout}")
    return Round(
        float(rate[1]),
        _ms(percentiles.get("50", "0ms")),
        _ms(percentiles.get("99", "0ms")),
        (int(errors[1]) if errors else 0) + sum(map(int, failed.groups() if failed else ())),
        round(1e6 * spent / max(1, int(number[1])), 2),
        int(number[1]),
    )


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def alternate(
    ports: dict[str, int], script: Path, *, rounds: int, seconds: int, connections: int = 64, warm: int = 0
) -> Results:
    """Warm each peer up, then let them take turns, round by round."""
    results: Results = {}
    for port in ports.values():
        wrk(port, script, warm or max(3, seconds), connections)
    for _ in range(rounds):
        for name, port in ports.items():
            results.setdefault(name, []).append(wrk(port, script, seconds, connections))
    return results


def median_ratio(results: Results, peer: str) -> float:
    """The median over rounds of Edgeward's rate over the peer's in the same round."""
    pairs = zip(results["edgeward"], results[peer], strict=True)
    return statistics.median(own.requests_per_second / other.requests_per_second for own, other in pairs)
