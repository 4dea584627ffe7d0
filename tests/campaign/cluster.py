"""A shield and edges by their commands, as an operator runs them: started, killed, ended and started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.campaign.stepping_clock import SteppingClock
from tests.scenarios.ports import free_port

DISK = "disk"
"""The folder of all data folders, beside the logs: it may be a mount of its own, which is filled up."""

READY_WITHIN = 60.0
"""Longest wait for a node to be ready, in seconds; a loaded machine takes its time."""

SETTINGS = """\
[store]
ram = "3MiB"
disk = "24MiB"
segment = "128KiB"
queue = "4MiB"
[fetch]
held_in_ram = "512KiB"
first_byte_timeout = 5
between_bytes_timeout = 3
longest_wait = 5
[serve]
drain = 3
[coding]
br_quality = 4
[purge]
heartbeat = 0.5
lag_limit = 3
"""


class NodeProcess:
    """One node: its supervisor and, by its admin listener, its workers."""

    def __init__(self, folder: Path, tier: str, name: str, *next_hop: str, workers: int = 1) -> None:
        port = free_port()
        self.name = name
        self.url, self.admin = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1000}"
        self.data = folder / DISK / name
        self.log = folder / f"{name}.log"
        config = folder / "node.toml"
        config.write_text(SETTINGS)
        self.arguments = (
            tier, "--listen", f"127.0.0.1:{port}", *next_hop, "--name", name,
            "--data", str(self.data), "--config", str(config), "--workers", str(workers),
        )  # fmt: skip
        self.clock = SteppingClock(folder, name)
        self.process: asyncio.subprocess.Process | None = None
        self.starts = 0

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        await self.launch()
        await self.is_ready()

    async def launch(self) -> asyncio.subprocess.Process:
        """Start it."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "edgeward",
                *self.arguments,
                stdout=log,
                stderr=log,
                env=self.clock.environment,
            )
        self.starts += 1
        return self.process

    async def is_ready(self) -> None:
        """Wait until it says that it is ready. Raises AssertionError when it ends, or is not in time."""
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            assert self.process is not None and self.process.returncode is None, (
                f"{self.name} ended: {self.last_words()}"
            )
            status, _ = await self.ask("/readyz")
            if status == 200:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{self.name} was not ready in {READY_WITHIN:g} s: {self.last_words()}")

    async def ask(self, path: str) -> tuple[int, str]:
        """What the admin listener says: status and text; (0, "") when nothing."""
        timeout = aiohttp.ClientTimeout(total=5)
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self.admin + path) as answer,
            ):
                return answer.status, await answer.text()
        return 0, ""

    async def workers(self) -> list[int]:
        """The process ids of its workers, as far as it tells."""
        return [one["pid"] for one in await self._workers() if one.get("pid")]

    async def epochs(self) -> list[int]:
        """The epoch of the purge log that each of its workers follows, as far as it tells."""
        return [int(one["applied"].partition(".")[0]) for one in await self._workers()]

    async def _workers(self) -> list[dict[str, Any]]:
        _, text = await self.ask("/readyz")
        told: dict[str, Any] = json.loads(text) if text else {}
        return list(told.get("workers", ()))

    async def knows_its_folder(self) -> None:
        """Wait until its supervisor has looked at its folder, and at the keys there, after this moment."""
        looks = await self._looks()
        async with asyncio.timeout(30):
            while (seen := await self._looks()) < looks + 2:  # one may have begun before
                looks = min(looks, seen or looks)  # it may have been started anew
                await asyncio.sleep(0.05)

    async def _looks(self) -> int:
        _, text = await self.ask("/readyz")
        told: dict[str, Any] = json.loads(text) if text else {}
        return int(told.get("folder_looks", 0))

    async def end(self, number: int = signal.SIGTERM) -> None:
        """End the supervisor with a signal, and wait for it."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)
            await self.process.wait()

    async def kill_a_worker(self, index: int) -> None:
        """kill -9 of one of its workers."""
        pids = await self.workers()
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pids[index % len(pids)], signal.SIGKILL)

    async def faults_counted(self) -> int:
        """Store faults that it has counted."""
        _, text = await self.ask("/metrics")
        lines = [line for line in text.splitlines() if line.startswith("edgeward_store_faults_total")]
        return int(sum(float(line.rpartition(" ")[2]) for line in lines))

    def traces(self) -> list[str]:
        """The traces of errors in its log, as far as they are its own lines."""
        log = self.log.read_text("utf-8", "replace")
        return [
            one[:1500].partition("\n20")[0] for one in log.split("Traceback (most recent call last):")[1:]
        ]

    def last_words(self) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return self.log.read_text("utf-8", "replace")[-1500:]
        return ""


class Cluster:
    """A shield and some edges in front of an origin."""

    def __init__(self, folder: Path, origin: str, edges: int = 2) -> None:
        self.shield = NodeProcess(folder, "shield", "shield", "--origin", origin)
        self.edges = [
            NodeProcess(
                folder, "edge", f"edge-{n + 1}", "--shield", self.shield.url, workers=2 if n == 0 else 1
            )
            for n in range(edges)
        ]

    @property
    def nodes(self) -> list[NodeProcess]:
        """Every node, the shield first."""
        return [self.shield, *self.edges]

    @property
    def operator_key(self) -> Path:
        """The key that the shield has made at its first start."""
        return self.shield.data / "keys" / "operator.key"

    async def start(self) -> None:
        """Start the shield, then the edges."""
        await self.shield.start()
        await asyncio.gather(*(edge.start() for edge in self.edges))

    async def stop(self) -> None:
        """End every node, by force where it does not end."""
        for node in reversed(self.nodes):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(node.end(), 20)
            await node.end(signal.SIGKILL)
