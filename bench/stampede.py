"""`python -m bench.stampede`: a thousand clients ask three edges for one cold object at the same moment.

Beside it stands the bound: the same clients ask NGINX, which has the object already, with a worker for each edge.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import uvloop
from rich.console import Console
from rich.table import Table

from bench import nodes, peers, results


@dataclass(frozen=True)
class Stampede:
    """What it cost: seconds of one client alone, of the first and the last of many; requests that the origin saw."""

    case: str
    clients: int
    alone: float
    first: float
    last: float
    requests: int

    @property
    def ratio(self) -> float:
        """How much later than one alone the last client has all of it."""
        return self.last / self.alone


async def fetch(port: int, target: str, size: int, buffer: bytearray) -> float:
    """Seconds until one client has all of a body, from before it connects. Raises RuntimeError where octets lack."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        await loop.sock_sendall(sock, f"GET {target} HTTP/1.1\r\nHost: bench.example\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            more = await loop.sock_recv(sock, 2**16)
            if not more:
                raise RuntimeError("an answer ended within its head")
            head += more
        head, _, body = head.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"no body: {head[:80]!r}")
        left = size - len(body)
        while left:
            count = await loop.sock_recv_into(sock, buffer)  # which all share, as nobody looks into it
            if not count:
                raise RuntimeError(f"a body ended {left} octets too early")
            left -= count
    return loop.time() - began


async def together(ports: list[int], target: str, size: int, clients: int) -> list[float]:
    """Seconds that each of many clients needed, all begun at the same moment, spread over the edges."""
    buffer = bytearray(2**20)
    return await asyncio.gather(
        *(fetch(ports[number % len(ports)], target, size, buffer) for number in range(clients))
    )


def stampede(case: str, origin: int, ports: list[int], query: str, size: int, clients: int) -> Stampede:
    """One client alone on one cold object, then many on another."""
    name = case.replace(" ", "-")
    alone = uvloop.run(together(ports[:1], f"/alone-{name}?{query}", size, 1))
    many = uvloop.run(together(ports, f"/many-{name}?{query}", size, clients))
    with urllib.request.urlopen(f"http://127.0.0.1:{origin}/_count", timeout=5) as told:
        requests = json.load(told)[f"/many-{name}"]
    return Stampede(case, clients, alone[0], min(many), max(many), requests)


def bound(nginx: int, query: str, size: int, clients: int) -> Stampede:
    """The same of an object that NGINX has already: what so many octets cost on this machine, whoever sends them."""
    target = f"/bound?{query}"
    uvloop.run(together([nginx], target, size, 1))
    alone = uvloop.run(together([nginx], target, size, 1))
    many = uvloop.run(together([nginx], target, size, clients))
    return Stampede("bound: NGINX has it already", clients, alone[0], min(many), max(many), 0)


@contextlib.contextmanager
def cdn(folder: Path, edges: int) -> Iterator[tuple[int, list[int], int]]:
    """A paced origin, a shield and edges, and NGINX; the ports of the origin, of the edges, and of NGINX."""
    with contextlib.ExitStack() as stack:
        origin = peers.free_port()
        command = [sys.executable, str(Path(__file__).with_name("paced.py")), str(origin)]
        stack.enter_context(
            peers.process(command, "0,1", f"http://127.0.0.1:{origin}/_count", folder, "paced")
        )
        shield = stack.enter_context(nodes.node(folder, "shield", "shield", f"http://127.0.0.1:{origin}"))
        upstream = f"http://127.0.0.1:{shield.port}"
        ports = [
            stack.enter_context(nodes.node(folder, "edge", f"edge-{number}", upstream)).port
            for number in range(edges)
        ]
        yield origin, ports, stack.enter_context(peers.nginx(folder, origin, workers=edges, core="0,1"))


@click.command()
@click.option("--clients", default=1000, help="Clients that ask at the same moment.")
@click.option("--edges", default=3, help="Edges that they ask.")
@click.option("--size", default=10 * 2**20, help="Octets of the object.")
@click.option("--rate", default=2 * 2**20, help="Octets a second that the origin sends.")
def main(clients: int, edges: int, size: int, rate: int) -> None:
    """Print and write what was measured; exit code 1 where the origin was asked twice, or the last came too late."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    console = Console()
    with (
        tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name,
        cdn(Path(name), edges) as (origin, ports, nginx),
    ):
        Path(name).chmod(0o755)
        for port in ports:
            uvloop.run(together([port], "/warm?size=1000", 1000, 1))
        cases = [
            stampede(
                f"origin at {rate / 2**20:g} MiB/s", origin, ports, f"size={size}&rate={rate}", size, clients
            ),
            stampede("origin at full speed", origin, ports, f"size={size}", size, clients),
            bound(nginx, f"size={size}", size, clients),
        ]
    table = Table(
        f"{clients:,} clients, {edges} edges, {size / 2**20:g} MiB",
        "alone s", "first s", "last s", "last ÷ alone", "requests to the origin",
    )  # fmt: skip
    for one in cases:
        row = (
            f"{one.alone:.3f}",
            f"{one.first:.2f}",
            f"{one.last:.2f}",
            f"{one.ratio:.2f}",
            str(one.requests or "–"),
        )
        table.add_row(one.case, *row)
    console.print(table)
    full, least = cases[1:]
    console.print(
        f"At full speed {size * clients / 2**30:.1f} GiB pass through the loopback of this machine, which clients and "
        f"servers share: the last client has all of it after {full.last / least.last:.2f} of the bound's time."
    )
    console.print(f"written to {results.write('stampede', [asdict(one) for one in cases])}")
    sys.exit(int(any(one.requests != 1 for one in cases[:2]) or cases[0].ratio > 2))


if __name__ == "__main__":
    main()
