"""Nodes of a benchmark as they are run in earnest: an origin, a shield and edges, each a supervisor with one worker."""

from __future__ import annotations

import contextlib
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import peers


@dataclass(frozen=True)
class Node:
    """A node that runs: its port, its supervisor, and its worker."""

    name: str
    port: int
    pid: int
    worker: int

    @property
    def resident(self) -> int:
        """Octets of the worker's memory that stand in RAM now."""
        return _status(self.worker, "VmRSS")

    @property
    def processor_seconds(self) -> float:
        """Seconds of processor time that the worker has used."""
        fields = Path(f"/proc/{self.worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/{pid}/status tells no {name}")


@contextlib.contextmanager
def node(folder: Path, tier: str, name: str, next_hop: str, *flags: str, core: str = "0,1") -> Iterator[Node]:
    """Run a shield or an edge until the block ends; ready when it says so."""
    port = peers.free_port()
    command = [sys.executable, "-m", "edgeward", tier, "--listen", f"127.0.0.1:{port}", "--name", name]
    command += ["--origin" if tier == "shield" or "--alone" in flags else "--shield", next_hop]
    command += ["--data", str(folder / name), *(flag for flag in flags if flag != "--alone")]
    ready = f"http://127.0.0.1:{port + 1000}/readyz"
    with peers.process(command, core, ready, folder, name) as running:
        _wait_until_ready(ready)
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        yield Node(name, port, running.pid, int(children[-1]))


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{url} was not ready in 30 s")
