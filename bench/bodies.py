"""`python -m bench.bodies`: throughput of large stored bodies, from RAM and from disk, beside NGINX in the same run."""

from __future__ import annotations

import contextlib
import re
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench import nodes, peers, results
from bench.download import download
from bench.load import wrk_command

_UNITS = {"KB": 2**10, "MB": 2**20, "GB": 2**30}


@dataclass(frozen=True)
class Throughput:
    """What one server sent of one object: octets a second in each round."""

    server: str
    size: int
    rates: list[float]

    @property
    def rate(self) -> float:
        """The median."""
        return statistics.median(self.rates)


def load(port: int, target: str, seconds: int, connections: int) -> float:
    """Octets a second that wrk takes from a server, on a core of its own."""
    command = [*wrk_command(seconds, connections), "--timeout", "60s"]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{target}"], capture_output=True, text=True, check=True
    )
    told = re.search(r"Transfer/sec:\s+([\d.]+)(B|KB|MB|GB)", done.stdout)
    if told is None:
        raise RuntimeError(f"wrk printed no rate:\n{done.stdout}")
    return float(told[1]) * _UNITS.get(told[2], 1)


@contextlib.contextmanager
def servers(folder: Path) -> Iterator[dict[str, int]]:
    """An edge with RAM and disk, an edge with next to no RAM, and NGINX, each on one core; their ports."""
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(peers.origin(folder))
        url, core = f"http://127.0.0.1:{origin}", peers.SERVER_CORE

        def edge(name: str, ram: str) -> int:
            flags = "--alone", "--ram", ram, "--disk", "8GiB"
            return stack.enter_context(nodes.node(folder, "edge", name, url, *flags, core=core)).port

        yield {
            "Edgeward, RAM": edge("edge-ram", "256MiB"),
            "Edgeward, disk": edge("edge-disk", "64KiB"),
            "NGINX (sendfile)": stack.enter_context(peers.nginx(folder, origin)),
        }


def run(folder: Path, rounds: int, seconds: int) -> list[Throughput]:
    """Each object from each server, in turns. 1 GiB is larger than the RAM store admits: it stands on disk."""
    measured = []
    with servers(folder) as ports:
        for size in (2**20, 2**30):
            target = f"/objects/body-{size}?size={size}&ttl=86400"
            asked = {name: port for name, port in ports.items() if size == 2**20 or name != "Edgeward, RAM"}
            for port in asked.values():
                for _ in range(2):
                    download(port, target)
            rates: dict[str, list[float]] = {name: [] for name in asked}
            for _ in range(rounds):
                for name, port in asked.items():
                    rates[name].append(load(port, target, seconds, 16 if size == 2**20 else 4))
            measured += [Throughput(name, size, each) for name, each in rates.items()]
    return measured


@click.command()
@click.option("--rounds", default=3, help="Rounds for each object and server.")
@click.option("--seconds", default=4, help="Seconds of each.")
def main(rounds: int, seconds: int) -> None:
    """Print and write what was measured."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        measured = run(folder, rounds, seconds)
    table = Table("object", "server", "MiB/s", "÷ NGINX")
    for one in measured:
        nginx = next(
            other for other in measured if other.size == one.size and other.server.startswith("NGINX")
        )
        size = "1 MiB" if one.size == 2**20 else "1 GiB"
        table.add_row(size, one.server, f"{one.rate / 2**20:,.0f}", f"{one.rate / nginx.rate:.2f}")
    console.print(table)
    console.print("One core for each server, one for the client; 16 connections for 1 MiB, 4 for 1 GiB.")
    console.print(f"written to {results.write('bodies', [asdict(one) for one in measured])}")


if __name__ == "__main__":
    main()
