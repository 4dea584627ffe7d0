"""A campaign against purge alone: orders, restarts and cuts at random, several shields; every answer is judged."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from httpcache.purge.client import OrderRefused, send_order
from httpcache.purge.keys import load_private_key
from tests.campaign.clients import NO_ANSWER, judged
from tests.campaign.purge_cluster import PurgeCluster
from tests.campaign.purge_faults import PurgeFaults, is_set_within
from tests.campaign.purge_orders import Ordered, some_orders
from tests.campaign.recording_origin import RecordingOrigin
from tests.campaign.things import Thing
from tests.scenarios.ports import free_port

FAULTS, ACKNOWLEDGED, PATIENCE = 3, 8, 90.0
"""Kinds of faults and acknowledgements that a campaign waits for, and for how long, in seconds."""


@dataclass
class Sum:
    """What a campaign has come to."""

    seed: int
    checked: int = 0
    coded: int = 0
    unanswered: int = 0
    orders: int = 0
    batches: int = 0
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
            f"orders: {self.orders}, of these {self.batches} batches; {self.answered} answered; "
            f"acknowledgements of edges: {self.acknowledged}",
            f"versions published: {self.versions}; faults: {self.faults.total()} ({faults})",
            f"requests without an answer: {self.unanswered}",
            f"responses checked: {self.checked}, of these {self.coded} coded",
            f"violations: {len(self.violations)}",
            *self.violations[:20],
        ]


class PurgeCampaign:
    """Everything of one campaign; `folder` is its own. With `on_nats` the log lives on a NATS server."""

    def __init__(self, folder: Path, seed: int, *, on_nats: bool = False, clients: int = 6) -> None:
        self._rng = random.Random(seed)
        # They live for long, and nothing stale is allowed: only an order makes a version go.
        self._things = [
            Thing(f"thing{n}", 300 + 2000 * (n % 3), 600, form="text" if n % 2 else "plain")
            for n in range(24)
        ]
        for thing in self._things:
            thing.publish()
        self.origin = RecordingOrigin(self._things, self._rng, free_port())
        self.cluster = PurgeCluster(folder, self.origin.url, on_nats=on_nats)
        self._orders: dict[str, list[Ordered]] = {thing.name: [] for thing in self._things}
        self._clients = clients
        self.sum = Sum(seed)
        self._faults = PurgeFaults(self.cluster, self._rng, self._lost)
        self.sum.faults = self._faults.done

    async def run(self, seconds: float) -> Sum:
        """Run for so long (the start and the end of the nodes come on top); what it has come to."""
        stop = asyncio.Event()
        await self.origin.start()
        try:
            await self.cluster.start()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._end(seconds, stop))
                tasks.create_task(self._publish(stop))
                for work in (self._order, self._order, self._faults.run):
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
        while not await is_set_within(stop, self._rng.uniform(0.01, 0.1)):
            self._rng.choice(self._things).publish()
            self.sum.versions += 1

    async def _order(self, stop: asyncio.Event) -> None:
        key = load_private_key(self.cluster.operator_key)
        while not await is_set_within(stop, self._rng.uniform(0.05, 0.4)):
            order, covered = some_orders(self._rng, self._things)
            at = self._rng.choice(self.cluster.nodes).admin
            sent = time.monotonic()
            self.sum.orders += 1
            self.sum.batches += "orders" in order
            with contextlib.suppress(OrderRefused, OSError):
                receipt = await send_order(at, key, order, wait=1)
                known = time.monotonic()
                acknowledged = {row["node"]: known for row in receipt["nodes"] if row["state"] == "confirmed"}
                self._counts(Ordered(sent, known, acknowledged, receipt["id"]), covered)
                self.sum.answered += 1
                self.sum.acknowledged += len(acknowledged.keys() & {edge.name for edge in self.cluster.edges})

    def _counts(self, made: Ordered, covered: list[Thing]) -> None:
        for thing in covered:
            self._orders[thing.name].append(made)

    def _lost(self, lost: Ordered) -> None:
        """What nodes held when the log was lost is validated as after a soft order for everything."""
        self._counts(lost, self._things)

    async def _ask(self, stop: asyncio.Event) -> None:
        timeout = aiohttp.ClientTimeout(total=20, sock_connect=3)
        async with aiohttp.ClientSession(
            auto_decompress=False, timeout=timeout, skip_auto_headers=("Accept-Encoding",)
        ) as session:
            while not stop.is_set():
                thing, edge = self._rng.choice(self._things), self._rng.choice(self.cluster.edges)
                asked = time.monotonic()
                fields = {"Host": "site.example", **self._fields(thing)}
                try:
                    async with session.get(edge.url + thing.path, headers=fields) as answer:
                        body = await answer.read()
                except NO_ANSWER:
                    self.sum.unanswered += 1
                    await asyncio.sleep(0.05)
                    continue
                self._judge(thing, edge.name, answer, body, asked)
                await asyncio.sleep(self._rng.uniform(0, 0.01))

    def _fields(self, thing: Thing) -> dict[str, str]:
        """What a request says: it is for a coded form, a part, what has changed, or simply for all."""
        rng, chance = self._rng, self._rng.random()
        if chance < 0.4:
            return {"Accept-Encoding": rng.choice(("br", "gzip", "zstd", "br, gzip"))}
        if chance < 0.55:
            first = rng.randrange(thing.size - 1)
            return {"Range": f"bytes={first}-{first + 50}"}
        if chance < 0.65:
            return {"If-None-Match": thing.tag(rng.randrange(thing.version + 1))}
        return {}

    def _judge(
        self, thing: Thing, edge: str, answer: aiohttp.ClientResponse, body: bytes, asked: float
    ) -> None:
        if answer.status not in (200, 206, 304):
            self.sum.unanswered += 1
            return
        self.sum.checked += 1
        self.sum.coded += "Content-Encoding" in answer.headers
        fault = judged(thing, answer, body, asked, "plain")
        version = thing.version_of(answer.headers.get("ETag", ""))
        if not fault and version < thing.version:
            replaced = thing.born[version + 1]
            late = [
                one
                for one in self._orders[thing.name]
                if replaced < one.sent and one.counts_from(edge) < asked
            ]
            if late:
                first = min(late, key=lambda one: one.counts_from(edge))
                fault = f"{thing.name}: version {version} was given after {first.told(edge, asked)}"
        if fault:
            served = ", ".join(answer.headers.getall("Cache-Status", []))
            self.sum.violations.append(f"{fault} [{edge}, {answer.status}, {served}]")
