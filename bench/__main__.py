"""Runs the benchmarks, prints a table, and writes bench/results/."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import hot_hits, peers


def main() -> int:
    """The exit code: 2 when programs are missing."""
    console = Console()
    if missing := peers.missing_programs():
        console.print(f"install these Debian packages first: apt-get install {' '.join(missing)}")
        return 2
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        console.print("hot hits: 2,000 objects of 1 KiB, 64 connections, one core each for server and load")
        results = hot_hits.run(folder)
    table = Table("server", "requests/s", "p50 ms", "p99 ms", "errors", "Edgeward ÷ this")
    for peer, rounds in results.items():
        table.add_row(
            peer,
            f"{statistics.median(one.requests_per_second for one in rounds):,.0f}",
            f"{statistics.median(one.p50 for one in rounds):.2f}",
            f"{statistics.median(one.p99 for one in rounds):.2f}",
            str(sum(one.errors for one in rounds)),
            f"{hot_hits.median_ratio(results, peer):.2f}",
        )
    console.print(table)
    out = Path(__file__).parent / "results"
    out.mkdir(exist_ok=True)
    path = out / f"hot-hits-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(
        json.dumps({peer: [asdict(one) for one in rounds] for peer, rounds in results.items()}, indent=1)
    )
    console.print(f"written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
