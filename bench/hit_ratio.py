"""Hit ratios of our stores' policy beside others' and the ceilings, over traces or made-up requests. No servers."""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.driving import drive
from edgeward.load_workload import read_trace
from edgeward.simulate import POLICIES, Budgets, simulate

NAMES = {
    "edgeward": "Edgeward",
    "driven": "Edgeward's stores, driven",
    "lru": "LRU",
    "fifo": "FIFO",
    "sieve": "plain SIEVE",
    "belady-size": "Belady-Size (offline)",
    "pfoo-l": "PFOO-L (no cache can pass it)",
}

Requests = list[tuple[str, int]]
"""Key and size in bytes of each request, in order."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one policy would have got of one workload; `took` in seconds."""

    policy: str
    objects: float
    octets: float
    took: float


def main() -> int:
    """The exit code."""
    choices = _choices()
    console = Console()
    told: list[dict[str, Any]] = []
    try:
        for name, requests in _workloads(choices):
            told.append(_measure(console, name, requests, choices))
    except (OSError, EOFError, ValueError) as error:
        console.print(f"bench.hit_ratio: {error}")
        return 2
    if choices.json:
        choices.json.write_text(json.dumps(told, indent=1) + "\n")
    return 0


def _choices() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.hit_ratio", description=__doc__)
    parser.add_argument(
        "--trace", type=Path, action="append", help="a file of key,size lines; may be repeated"
    )
    parser.add_argument("--folder", type=Path, help="a folder of such files")
    parser.add_argument(
        "--requests", type=int, default=1_000_000, help="of each, at the most (default: 1000000)"
    )
    parser.add_argument(
        "--ram", type=float, default=0.01, help="RAM store as a share of the footprint (0.01)"
    )
    parser.add_argument(
        "--disk", type=float, default=0.1, help="disk store as a share of the footprint (0.1)"
    )
    parser.add_argument(
        "--drive", action="store_true", help="drive the real stores, too: a minute for 100,000"
    )
    parser.add_argument("--json", type=Path, help="write what was measured to a file")
    return parser.parse_args()


def _workloads(choices: argparse.Namespace) -> Iterator[tuple[str, Requests]]:
    """Those that were asked for; else the two that are made here."""
    files = list(choices.trace or ())
    if choices.folder:
        files += sorted(path for path in choices.folder.iterdir() if ".csv" in path.suffixes)
        if not files:
            raise ValueError(f"{choices.folder} has no .csv file")
    for file in files:
        try:
            trace = read_trace(file, requests=choices.requests)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error
        yield file.name, [(str(index), trace.sizes[index]) for index in trace.sequence]
    if not files:
        for alpha in (0.8, 1.0):
            yield f"Zipf {alpha}", _zipf(alpha, choices.requests)


def _zipf(alpha: float, requests: int, objects: int = 200_000, seed: int = 42) -> Requests:
    """Requests for objects of log-normal size (median 16 KiB, sigma 1.7), from one stream of random numbers."""
    draw = random.Random(seed)
    sizes = [min(2**26, max(128, int(draw.lognormvariate(math.log(2**14), 1.7)))) for _ in range(objects)]
    weights = list(accumulate((rank + 1) ** -alpha for rank in range(objects)))
    asked = (min(bisect(weights, draw.random() * weights[-1]), objects - 1) for _ in range(requests))
    return [(str(index), sizes[index]) for index in asked]


def _measure(console: Console, name: str, requests: Requests, choices: argparse.Namespace) -> dict[str, Any]:
    sizes = dict(requests)
    footprint = sum(sizes.values())
    budgets = Budgets(int(footprint * choices.ram), int(footprint * choices.disk))
    results = []
    for policy in POLICIES:
        began = time.perf_counter()
        ratios = simulate(requests, policy, budgets)
        results.append(Result(policy, ratios.objects, ratios.octets, time.perf_counter() - began))
    if choices.drive:
        began = time.perf_counter()
        ratios = drive(requests, budgets)
        results.insert(1, Result("driven", ratios.objects, ratios.octets, time.perf_counter() - began))
    title = (
        f"{name}: {len(requests):,} requests for {len(sizes):,} objects of {footprint / 1e6:,.0f} MB together; "
        f"RAM {budgets.ram / 1e6:,.1f} MB, disk {budgets.disk / 1e6:,.1f} MB, cold start"
    )
    console.print(_table(title, results))
    return {
        "workload": {
            "name": name,
            "requests": len(requests),
            "objects": len(sizes),
            "footprint_bytes": footprint,
        },
        "ram": budgets.ram,
        "disk": budgets.disk,
        "hit_ratios": {one.policy: {"objects": one.objects, "bytes": one.octets} for one in results},
    }


def _table(title: str, results: list[Result]) -> Table:
    table = Table("policy", title=title, title_justify="left")
    for column in ("object hit ratio", "byte hit ratio", "seconds"):
        table.add_column(column, justify="right")
    for one in results:
        table.add_row(NAMES[one.policy], f"{one.objects:.3f}", f"{one.octets:.3f}", f"{one.took:.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
