"""`python -m bench.large`: memory of the workers of edge and shield while a body of 4 GiB passes, and from disk."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench import nodes, peers, results
from bench.download import download

LIMIT = 64 * 2**20
"""What a worker's memory may grow by, in bytes."""


@dataclass(frozen=True)
class Pass:
    """One way of the body: octets a second, and by how much each worker's memory grew, in bytes."""

    way: str
    rate: float
    first_byte: float
    growth: dict[str, int]


class Watch:
    """The highest that the memory of each node's worker rose above what it was at the beginning."""

    def __init__(self, watched: Sequence[nodes.Node]) -> None:
        self._before = {one.name: one.resident for one in watched}
        self.growth = dict.fromkeys(self._before, 0)
        self._watched = watched
        self._ended = threading.Event()

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            for one in self._watched:
                grown = one.resident - self._before[one.name]
                self.growth[one.name] = max(self.growth[one.name], grown)


def run(folder: Path, size: int) -> Iterator[Pass]:
    """The passes: through both tiers while it is stored, from the edge's disk, and a range on a cold object."""
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(peers.origin(folder))
        disk = "--disk", f"{2 * size + 2**30}"
        shield = stack.enter_context(
            nodes.node(folder, "shield", "shield", f"http://127.0.0.1:{origin}", *disk)
        )
        edge = stack.enter_context(
            nodes.node(folder, "edge", "edge", f"http://127.0.0.1:{shield.port}", *disk)
        )
        download(edge.port, "/objects/warm?size=3000000&ttl=86400")
        target = f"/objects/large?size={size}&ttl=86400"
        ways = [
            ("a miss, through edge and shield", target, ()),
            ("a hit, from the edge's disk", target, ()),
            ("a hit, once more", target, ()),
            (
                "the second half, of a cold object",
                target.replace("large", "cold"),
                (f"Range: bytes={size // 2}-",),
            ),
        ]
        for way, what, fields in ways:
            with Watch([edge, shield]) as watch:
                got = download(edge.port, what, *fields)
            yield Pass(way, got.rate, got.first, watch.growth)
            time.sleep(0.5)


@click.command()
@click.option("--size", default=4 * 2**30, help="Octets of the body.")
def main(size: int) -> None:
    """Print and write what was measured; exit code 1 where a worker grew by more than the limit."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name:
        table = Table(f"{size / 2**30:g} GiB", "MiB/s", "first byte ms", "edge grew MiB", "shield grew MiB")
        passes = list(run(Path(name), size))
    for one in passes:
        grown = [f"{one.growth[tier] / 2**20:.1f}" for tier in ("edge", "shield")]
        table.add_row(one.way, f"{one.rate / 2**20:,.0f}", f"{one.first_byte * 1000:.1f}", *grown)
    console.print(table)
    console.print(f"written to {results.write('large', [asdict(one) for one in passes])}")
    sys.exit(int(any(grown > LIMIT for one in passes for grown in one.growth.values())))


if __name__ == "__main__":
    main()
