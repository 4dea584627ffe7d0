"""A campaign against purge alone: orders, restarts and cuts at random, several shields; every answer is judged."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from httpcache.purge.client import OrderRefused, send_order
from httpcache.purge.keys import load_private_key
from tests.campaign.clients import NO_ANSWER, judged
from tests.campaign.faults import started_again
from tests.campaign.purge_cluster import LAG_LIMIT, PurgeCluster
from tests.campaign.recording_origin import RecordingOrigin
from tests.campaign.things import SLACK, Thing
from tests.scenarios.ports import free_port

WITHIN = LAG_LIMIT + SLACK
"""An order that was answered counts everywhere after so many seconds: who has not applied it by then is cut off from
the log, and gives nothing without validation."""


FAULTS, ACKNOWLEDGED, PATIENCE = 3, 8, 90.0
"""Kinds of faults and acknowledgements that a campaign waits for, and for how long, in seconds."""


@dataclass
class Ordered:
    """One order that was answered: when it was sent, when that was known of each edge (monotonic seconds)."""

    sent: float
    answered: float
    acknowledged: dict[str, float] = field(default_factory=dict)

    def counts_from(self, edge: str) -> float:
        """From when on no client of that edge may get what the origin had replaced before the order."""
        return min(self.acknowledged.get(edge, float("inf")), self.answered + WITHIN)


@dataclass
class Sum:
    """What a campaign has come to."""

    seed: int
    checked: int = 0
    unanswered: int = 0
    orders: int = 0
    answered: int = 0
    acknowledged: int = 0
    versions: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The sum, for people."""
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items()))
        return [
            f"purge campaign: seed {self.seed}",
            f"orders: {self.orders}, {self.answered} answered; acknowledgements of edges: {self.acknowledged}",
            f"versions published: {self.versions}; faults: {self.faults.total()} ({faults})",
            f"requests without an answer: {self.unanswered}",
            f"responses checked: {self.checked}",
            f"violations: {len(self.violations)}",
            *self.violations[:20],
        ]


class PurgeCampaign:
    """Everything of one campaign; `folder` is its own. With `on_nats` the log lives on a NATS server."""

    def __init__(self, folder: Path, seed: int, *, on_nats: bool = False, clients: int = 6) -> None:
        self._rng = random.Random(seed)
        # They live for long, and nothing stale is allowed: only an order makes a version go.
        self._things = [Thing(f"thing{n}", 300 + 2000 * (n % 3), 600, form="plain") for n in range(24)]
        for thing in self._things:
            thing.publish()
        self.origin = RecordingOrigin(self._things, self._rng, free_port())
        self.cluster = PurgeCluster(folder, self.origin.url, on_nats=on_nats)
        self._orders: dict[str, list[Ordered]] = {thing.name: [] for thing in self._things}
        self._clients = clients
        self.sum = Sum(seed)

    async def run(self, seconds: float) -> Sum:
        """Run for so long (the start and the end of the nodes come on top); what it has come to."""
        stop = asyncio.Event()
        await self.origin.start()
        try:
            await self.cluster.start()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._end(seconds, stop))
                tasks.create_task(self._publish(stop))
                for work in (self._order, self._order, self._break):
                    tasks.create_task(work(stop))
                for _ in range(self._clients):
                    tasks.create_task(self._ask(stop))
        finally:
            await self.cluster.stop()
            await self.origin.stop()
        return self.sum

    async def _end(self, seconds: float, stop: asyncio.Event) -> None:
        """End after so many seconds, or when enough has happened: on a loaded machine a start takes its time."""
        began = time.monotonic()
        while time.monotonic() < began + max(seconds, PATIENCE):
            await asyncio.sleep(0.1)
            has_enough = len(self.sum.faults) >= FAULTS and self.sum.acknowledged >= ACKNOWLEDGED
            if time.monotonic() >= began + seconds and has_enough:
                break
        stop.set()

    async def _publish(self, stop: asyncio.Event) -> None:
        while not await _is_set_within(stop, self._rng.uniform(0.01, 0.1)):
            self._rng.choice(self._things).publish()
            self.sum.versions += 1

    async def _order(self, stop: asyncio.Event) -> None:
        key = load_private_key(self.cluster.operator_key)
        while not await _is_set_within(stop, self._rng.uniform(0.05, 0.4)):
            order, covered = self._some_order()
            at = self._rng.choice(self.cluster.nodes).admin
            sent = time.monotonic()
            self.sum.orders += 1
            with contextlib.suppress(OrderRefused, OSError):
                receipt = await send_order(at, key, order, wait=1)
                known = time.monotonic()
                acknowledged = {row["node"]: known for row in receipt["nodes"] if row["state"] == "confirmed"}
                made = Ordered(sent, known, acknowledged)
                for thing in covered:
                    self._orders[thing.name].append(made)
                self.sum.answered += 1
                self.sum.acknowledged += len(acknowledged.keys() & {edge.name for edge in self.cluster.edges})

    def _some_order(self) -> tuple[dict, list[Thing]]:
        """An order, and the things that it covers."""
        rng, thing = self._rng, self._rng.choice(self._things)
        kind = rng.choice(("url", "url", "tag", "tag", "prefix", "host", "everything"))
        several = rng.sample(self._things, rng.randrange(1, 4))
        targets, covered = {
            "url": ([f"http://site.example{one.path}" for one in several], several),
            "tag": ([one.name for one in several], several),
            "prefix": (
                [f"http://site.example{thing.path}"],
                [one for one in self._things if one.path.startswith(thing.path)],
            ),
            "host": (["site.example"], self._things),
            "everything": ([], self._things),
        }[kind]
        return {"kind": kind, "targets": targets, "soft": rng.random() < 0.4}, covered

    async def _ask(self, stop: asyncio.Event) -> None:
        timeout = aiohttp.ClientTimeout(total=20, sock_connect=3)
        async with aiohttp.ClientSession(auto_decompress=False, timeout=timeout) as session:
            while not stop.is_set():
                thing, edge = self._rng.choice(self._things), self._rng.choice(self.cluster.edges)
                asked = time.monotonic()
                fields = {"Host": "site.example"}
                if self._rng.random() < 0.2:
                    first = self._rng.randrange(thing.size - 1)
                    fields["Range"] = f"bytes={first}-{first + 50}"
                try:
                    async with session.get(edge.url + thing.path, headers=fields) as answer:
                        body = await answer.read()
                except NO_ANSWER:
                    self.sum.unanswered += 1
                    await asyncio.sleep(0.05)
                    continue
                self._judge(thing, edge.name, answer, body, asked)
                await asyncio.sleep(self._rng.uniform(0, 0.01))

    def _judge(
        self, thing: Thing, edge: str, answer: aiohttp.ClientResponse, body: bytes, asked: float
    ) -> None:
        if answer.status not in (200, 206):
            self.sum.unanswered += 1
            return
        self.sum.checked += 1
        fault = judged(thing, answer, body, asked, "plain")
        version = thing.version_of(answer.headers.get("ETag", ""))
        if not fault and version < thing.version:
            replaced = thing.born[version + 1]
            late = [
                asked - one.counts_from(edge)
                for one in self._orders[thing.name]
                if replaced < one.sent and one.counts_from(edge) < asked
            ]
            if late:
                fault = f"{thing.name}: version {version} was given {max(late):.2f} s after an order counted"
        if fault:
            served = ", ".join(answer.headers.getall("Cache-Status", []))
            self.sum.violations.append(f"{fault} [{edge}, {answer.status}, {served}]")

    async def _break(self, stop: asyncio.Event) -> None:
        """One fault after another: each has its turn, in an order of its own."""
        kinds: list[str] = []
        while not await _is_set_within(stop, self._rng.uniform(0.1, 0.8)):
            if not kinds:
                every = ["worker", "worker", "edge", "shield", "restart", "cut", "cut", "long cut", "slow"]
                kinds = self._rng.sample(
                    every + ["bus"] * self.cluster.on_nats, len(every) + self.cluster.on_nats
                )
            kind = kinds.pop()
            self.sum.faults[kind] += 1
            await self._do(kind, stop)

    async def _do(self, kind: str, stop: asyncio.Event) -> None:
        rng, cluster = self._rng, self.cluster
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
                await _is_set_within(stop, rng.uniform(0.1, 1) if kind == "cut" else LAG_LIMIT + 1)
                link.mend()
            case "slow":
                link.delay = rng.uniform(0.02, 0.3)
                await _is_set_within(stop, rng.uniform(0.3, 2))
                link.delay = 0.0
            case "bus":
                await cluster.restart_bus()


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
