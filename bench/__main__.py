"""Runs the benchmarks: python -m bench [NAME …]; prints tables, writes JSON and a chart to bench/results/."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from bench import idle, results
from bench.charts import peers_chart, scale_chart
from bench.load import Results
from bench.table import SCENARIOS, missing, rate_aims, show, write


def main() -> int:
    """The exit code: 2 when programs are missing."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)  # tables have up to ten columns
    names = [*SCENARIOS, "idle"]
    parser = argparse.ArgumentParser(prog="python -m bench", description="Edgeward beside NGINX and Varnish.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(names)} (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each peer (default: 5)")
    parser.add_argument("--seconds", type=int, default=4, help="length of a turn (default: 4)")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(names):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    chosen = asked.names or names
    if packages := missing(chosen):
        console.print(f"install these Debian packages first: apt-get install {' '.join(packages)}")
        return 2
    found: dict[str, Results] = {}
    for name in chosen:
        if name == "idle":
            continue
        with _folder() as folder:
            found[name] = SCENARIOS[name].run(folder, rounds=asked.rounds, seconds=asked.seconds)
        show(console, SCENARIOS[name], found[name])
        console.print(f"written to {write(name, found[name])}")
    if "idle" in chosen:
        with _folder() as folder:
            cost = idle.run(folder)
        for peer, each in cost.items():
            console.print(f"{peer}: {each:,.0f} bytes for each of {idle.CONNECTIONS:,} idle connections")
        console.print(f"written to {results.write('idle', {'bytes_a_connection': cost})}")
    drawn = [peers_chart(found, rate_aims()), scale_chart(found["scale"]) if "scale" in found else None]
    for path in filter(None, drawn):
        console.print(f"chart: {path}")
    return 0


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


if __name__ == "__main__":
    sys.exit(main())
