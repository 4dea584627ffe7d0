"""The nodes that bench/purge.py asks: origin, shield and edges, each a process of its own, and how they are asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from bench.peers import free_port
from edgeward.addresses import Server
from edgeward.load_client import AskError, Target
from httpcache import clock
from httpcache.purge.keys import PrivateKey, load_private_key
from httpcache.purge.tokens import order_token

READY = 120.0
"""Longest wait for a node to be ready, in seconds: twenty of them start at once."""


@dataclass
class Node:
    """One process of the benchmark."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin(self) -> str:
        """Its admin listener."""
        return f"http://127.0.0.1:{self.port + 1000}"

    def get(self, path: str) -> bytes:
        """What the admin listener says, whatever the status."""
        try:
            with urllib.request.urlopen(self.admin + path, timeout=10) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            return error.read()

    @property
    def applied(self) -> int:
        """The number of the newest order that all of its workers have applied."""
        workers = json.loads(self.get("/readyz"))["workers"]
        return min(int(worker["applied"].partition(".")[2]) for worker in workers)

    def metric(self, line: str) -> float:
        """The value of a line of /metrics that begins so; 0 when there is none."""
        for one in self.get("/metrics").decode().splitlines():
            if one.startswith(line):
                return float(one.rpartition(" ")[2])
        return 0.0

    def memory(self) -> int:
        """Resident bytes of the node's processes together."""
        return sum(_resident(pid) for pid in self.pids())

    def pids(self) -> tuple[int, ...]:
        """The node's processes."""
        return (self.process.pid, *_children(self.process.pid))


@dataclass
class Fleet:
    """What runs. The first of `nodes` keeps the purge log."""

    folder: Path
    nodes: list[Node] = field(default_factory=list)
    origin: Node | None = None

    @property
    def keeper(self) -> Node:
        """The node that keeps the log."""
        return self.nodes[0]

    @property
    def key(self) -> PrivateKey:
        """The operator's key that the keeper made."""
        return load_private_key(self.folder / self.keeper.name / "keys" / "operator.key")

    def start(self, tier: str, name: str, *arguments: str) -> Node:
        """Start a node without waiting for it."""
        port = free_port()
        listen = ["--listen", f"127.0.0.1:{port}"]
        more = [] if tier == "origin" else ["--name", name, "--data", str(self.folder / name)]
        with (self.folder / f"{name}.out").open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "edgeward", tier, *listen, *more, *arguments],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return Node(name, port, process)

    def add(self, tier: str, name: str, *arguments: str) -> Node:
        """Start a node of the CDN."""
        node = self.start(tier, name, *arguments)
        self.nodes.append(node)
        return node

    def wait(self) -> None:
        """Wait until every node is ready."""
        for node in self.nodes:
            deadline = time.monotonic() + READY
            while not _is_ready(f"{node.admin}/readyz"):
                if node.process.poll() is not None or time.monotonic() > deadline:
                    text = (self.folder / f"{node.name}.out").read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"{node.name} did not get ready:\n{text}")
                time.sleep(0.05)


@contextlib.contextmanager
def fleet(folder: Path, edges: int, *arguments: str) -> Iterator[Fleet]:
    """An origin, a shield, and edges behind it; without edges, one edge that keeps the log itself."""
    made = Fleet(folder)
    folder.mkdir()
    try:
        made.origin = made.start("origin", "origin")
        while not _is_ready(f"{made.origin.url}/_count"):
            time.sleep(0.02)
        if edges:
            made.add("shield", "shield", "--origin", made.origin.url, *arguments)
            made.wait()
            for index in range(edges):
                made.add("edge", f"edge-{index + 1:02}", "--shield", made.nodes[0].url, *arguments)
        else:
            made.add("edge", "edge", "--origin", made.origin.url, *arguments)
        made.wait()
        yield made
    finally:
        for node in [*reversed(made.nodes), *([made.origin] if made.origin else [])]:
            stop(node)


def stop(node: Node) -> None:
    """End a node and its workers."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(node.process.pid, signal.SIGTERM)
    try:
        node.process.wait(20)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(node.process.pid, signal.SIGKILL)
        node.process.wait()


class Orders:
    """Sends orders to a keeper, over one connection."""

    def __init__(self, admin: str, key: PrivateKey, session: aiohttp.ClientSession) -> None:
        self._url = f"{admin}/v1/purges"
        self._key = key
        self._session = session

    async def send(self, document: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
        """Sign and send; seconds from the POST to its answer, and the receipt."""
        body = msgspec.json.encode(document)
        fields = {"Authorization": f"Bearer {order_token(self._key, body, 'edgeward', clock.now())}"}
        began = time.perf_counter()
        async with self._session.post(self._url, data=body, headers=fields) as answer:
            receipt = await answer.json()
        took = time.perf_counter() - began
        if answer.status not in (200, 202):
            raise RuntimeError(f"the keeper answers {answer.status}: {receipt}")
        return took, receipt


class Hits:
    """Asks edges for objects that stand in their RAM, `rate` times a second, each request at its own time."""

    def __init__(self, urls: list[str], paths: list[str], rate: float) -> None:
        ports = [int(url.rpartition(":")[2]) for url in urls]
        self._targets = [Target(Server("http", "127.0.0.1", port, HOST), HOST) for port in ports]
        self._paths = paths
        self._rate = rate
        self.took: list[float] = []
        self.failed = 0
        self.missed = 0
        self._asking: set[asyncio.Task[None]] = set()

    async def warm(self) -> None:
        """Have every edge store every object."""
        for target in self._targets:
            for path in self._paths:
                await target.ask(path)

    async def run(self, stop: asyncio.Event) -> None:
        """Ask until told to stop."""
        began, number = time.perf_counter(), 0
        while not stop.is_set():
            target = self._targets[number % len(self._targets)]
            path = self._paths[number % len(self._paths)]
            task = asyncio.create_task(self._ask(target, path, began + number / self._rate))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            number += 1
            await asyncio.sleep(max(0.0, began + number / self._rate - time.perf_counter()))
        if self._asking:
            await asyncio.wait(self._asking)

    async def _ask(self, target: Target, path: str, due: float) -> None:
        began = max(due, time.perf_counter())
        try:
            reply = await target.ask(path)
        except AskError:
            self.failed += 1
            return
        self.took.append(time.perf_counter() - began)
        self.missed += ";hit" not in reply.cache_status.rpartition(", ")[2]

    def close(self) -> None:
        """Close every connection."""
        for target in self._targets:
            target.close()


HOST = "site.example"


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of `values` lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    own = [int(one) for one in text.split()]
    return own + [grand for one in own for grand in _children(one)]


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process has had; 0 once it has gone."""
    try:
        counts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(counts[11]) + int(counts[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
