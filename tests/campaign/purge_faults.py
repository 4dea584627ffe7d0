"""Faults of the purge campaign: nodes are killed, links cut and slowed, and the log is lost, restored and trimmed."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

from httpcache.purge.client import OrderRefused, send_order
from httpcache.purge.keys import load_private_key
from tests.campaign.cluster import NodeProcess
from tests.campaign.faults import started_again
from tests.campaign.purge_cluster import LAG_LIMIT, LOG_COUNT, PurgeCluster
from tests.campaign.purge_orders import Ordered

KINDS = (
    *("worker", "cut") * 2,
    *("edge", "shield", "restart", "long cut", "slow", "lost log", "trimmed log"),
)
ADOPTED = 5.0
"""Longest wait for the edges to have met a log that was made anew, in seconds."""


class PurgeFaults:
    """Does faults at random. `lost` is called for each log that was lost: it counts as an order for everything."""

    def __init__(self, cluster: PurgeCluster, rng: random.Random, lost: Callable[[Ordered], None]) -> None:
        self.done: Counter[str] = Counter()
        self._cluster = cluster
        self._rng = rng
        self._lost = lost

    async def run(self, stop: asyncio.Event) -> None:
        """One fault after another, until `stop` is set: each has its turn, in an order of its own."""
        kinds: list[str] = []
        while not await is_set_within(stop, self._rng.uniform(0.1, 0.8)):
            if not kinds:
                every = (*KINDS, *(("bus",) if self._cluster.on_nats else ("restored log",)))
                kinds = self._rng.sample(every, len(every))
            kind = kinds.pop()
            await self._do(kind, stop)
            self.done[kind] += 1

    async def _do(self, kind: str, stop: asyncio.Event) -> None:
        rng, cluster = self._rng, self._cluster
        link = rng.choice(cluster.links)
        match kind:
            case "worker":
                await rng.choice(cluster.nodes).kill_a_worker(rng.randrange(4))
            case "edge" | "shield" | "restart":
                nodes = {"edge": cluster.edges, "shield": cluster.shields}.get(kind, cluster.nodes)
                node = rng.choice(nodes)
                await node.end(signal.SIGTERM if kind == "restart" else signal.SIGKILL)
                await started_again(node)
            case "cut" | "long cut":
                link.cut()
                await is_set_within(stop, rng.uniform(0.1, 1) if kind == "cut" else LAG_LIMIT + 1)
                link.mend()
            case "slow":
                link.delay = rng.uniform(0.02, 0.3)
                await is_set_within(stop, rng.uniform(0.3, 2))
                link.delay = 0.0
            case "bus":
                await cluster.restart_bus()
            case "lost log":
                await self._lose_log()
            case "restored log":
                await self._restore_log(stop)
            case "trimmed log":
                await self._trim_log()

    async def _lose_log(self) -> None:
        """The log goes; sometimes all that its keeper knows of it goes, too."""
        before = await self._epoch()
        if self._cluster.on_nats:
            lost = await self._cluster.restart_bus(wiped=True)
        else:
            keeper = self._cluster.shields[0]
            await keeper.end(signal.SIGKILL)
            self._clear(keeper)
            lost = time.monotonic()
            await started_again(keeper)
        await self._meet(before, Ordered(lost, lost))

    async def _restore_log(self, stop: asyncio.Event) -> None:
        """The log comes back from a backup; sometimes its keeper knows nothing else of what it has lost."""
        keeper, before = self._cluster.shields[0], await self._epoch()
        await keeper.end(signal.SIGTERM)
        backup = {path: path.read_bytes() for path in (keeper.data / "purge").glob("log.db*")}
        await started_again(keeper)
        await is_set_within(stop, self._rng.uniform(1, 3))  # orders come that the backup does not have
        await keeper.end(signal.SIGKILL)
        self._clear(keeper)
        for path, octets in backup.items():
            path.write_bytes(octets)
        restored = time.monotonic()
        await started_again(keeper)
        # Where nothing was lost, no epoch begins: it counts only where one has been met.
        await self._meet(before, Ordered(restored, math.inf))

    def _clear(self, keeper: NodeProcess) -> None:
        for path in (keeper.data / "purge").glob(self._rng.choice(("log.db*", "*"))):
            path.unlink()

    async def _meet(self, before: int, lost: Ordered) -> None:
        """Wait until every edge has met the new log, or for a while; from then on it counts there."""
        deadline = time.monotonic() + ADOPTED
        while len(lost.acknowledged) < len(self._cluster.edges) and time.monotonic() < deadline:
            for edge in self._cluster.edges:
                if edge.name not in lost.acknowledged and min(await edge.epochs(), default=0) > before:
                    lost.acknowledged[edge.name] = time.monotonic()
            await asyncio.sleep(0.05)
        self._lost(lost)

    async def _epoch(self) -> int:
        """The newest epoch that an edge follows."""
        return max([epoch for edge in self._cluster.edges for epoch in await edge.epochs()], default=0)

    async def _trim_log(self) -> None:
        """While an edge is away there are more orders than the log keeps, and the log is compacted."""
        edge, cluster = self._rng.choice(self._cluster.edges), self._cluster
        await edge.end(signal.SIGKILL)
        key = load_private_key(cluster.operator_key)
        for number in range(LOG_COUNT + 20):
            with contextlib.suppress(OrderRefused, OSError):
                order = {"kind": "tag", "targets": [f"none-{number}"]}
                await send_order(cluster.shields[1].admin, key, order, wait=0)
        if not cluster.on_nats:  # a keeper compacts when it starts
            await cluster.shields[0].end(signal.SIGTERM)
            await started_again(cluster.shields[0])
        await started_again(edge)


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether an event is set, once it is or so many seconds have passed."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
