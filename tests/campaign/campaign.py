"""One campaign: a cluster, clients that judge every answer, faults at random, versions and purges; then the sum."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from httpcache.purge.client import OrderRefused, send_order
from httpcache.purge.keys import load_private_key
from tests.campaign.clients import Clients, Tally
from tests.campaign.cluster import Cluster
from tests.campaign.faults import Faults
from tests.campaign.recording_origin import RecordingOrigin
from tests.campaign.things import some_things
from tests.scenarios.ports import free_port


@dataclass
class Result:
    """What a campaign has come to."""

    seed: int
    seconds: float
    tally: Tally
    faults: dict[str, int] = field(default_factory=dict)
    origin_requests: int = 0
    versions: int = 0
    purges: int = 0
    confirmed: int = 0
    faults_counted: int = 0
    unanswered: list[str] = field(default_factory=list)
    """What was not answered once the faults were over."""
    traces: list[str] = field(default_factory=list)
    """Traces of errors that nobody foresaw in the nodes' logs."""

    def lines(self) -> list[str]:
        """The sum, for people."""
        outcomes = ", ".join(f"{name} {count}" for name, count in sorted(self.tally.outcomes.items()))
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items()))
        return [
            f"campaign: seed {self.seed}, {self.seconds:.0f} s",
            f"requests made: {self.tally.requests} ({outcomes}); {self.origin_requests} reached the origin",
            f"versions published: {self.versions}; purges: {self.purges}, {self.confirmed} confirmed by every edge",
            f"faults injected: {sum(self.faults.values())} ({faults}); store faults counted: {self.faults_counted}",
            f"traces in the nodes' logs: {len(self.traces)}",
            *self.traces[:3],
            f"not answered afterwards: {len(self.unanswered)}",
            *self.unanswered[:10],
            f"violations: {len(self.tally.violations)}",
            *self.tally.violations[:20],
        ]


_ONCE_MORE = ("broken off", "502", "504")
"""What may be told once more after the last fault: octets on disk were lost, which is found once they are read; or a
fetch was joined that had begun while the origin was unwell."""

FAULT_KINDS = 3
"""How many kinds of fault a campaign has seen before it ends."""
PATIENCE = 180.0
"""Longest that a campaign is drawn out for them, in seconds: one fault alone may last more than half a minute."""


class Campaign:
    """Everything of one campaign; `folder` is its own."""

    def __init__(self, folder: Path, seed: int, *, things: int = 50, clients: int = 12) -> None:
        self._rng = random.Random(seed)
        self._things = some_things(self._rng, things)
        self._clients_count = clients
        self.origin = RecordingOrigin(self._things, self._rng, free_port())
        self.cluster = Cluster(folder, self.origin.url)
        self.clients = Clients([edge.url for edge in self.cluster.edges], self._things, self._rng)
        self.faults = Faults(self.cluster, self.origin, self._rng)
        self.result = Result(seed, 0, self.clients.tally)

    async def run(self, seconds: float) -> Result:
        """Run for so long, and until faults enough are done; the nodes' start and end come on top."""
        stop, began, result = asyncio.Event(), time.monotonic(), self.result
        await self.origin.start()
        try:
            await self.cluster.start()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._end(seconds, stop))
                tasks.create_task(self.clients.run(self._clients_count, stop))
                tasks.create_task(self.faults.run(stop))
                tasks.create_task(self._publish(stop))
                tasks.create_task(self._purge(stop))
            await self._ask_for_all()
            result.faults_counted = sum([await node.faults_counted() for node in self.cluster.nodes])
        finally:
            await self.cluster.stop()
            await self.origin.stop()
        result.traces = [trace for node in self.cluster.nodes for trace in node.traces()]
        result.seconds = time.monotonic() - began
        result.faults, result.origin_requests = self.faults.done, self.origin.requests
        return result

    async def _end(self, seconds: float, stop: asyncio.Event) -> None:
        """End after so many seconds, or later, when faults enough have been taken back."""
        began = time.monotonic()
        await asyncio.sleep(seconds)
        while len(self.faults.done) < FAULT_KINDS and time.monotonic() < began + PATIENCE:
            await asyncio.sleep(0.1)
        stop.set()

    async def _publish(self, stop: asyncio.Event) -> None:
        while not await _is_set_within(stop, self._rng.uniform(0.02, 0.3)):
            self._rng.choice(self._things).publish()
            self.result.versions += 1

    async def _purge(self, stop: asyncio.Event) -> None:
        key = load_private_key(self.cluster.operator_key)
        while not await _is_set_within(stop, self._rng.uniform(0.3, 1.5)):
            thing = self._rng.choice(self._things)
            order = {"kind": "tag", "targets": [thing.name], "soft": False}
            if self._rng.random() < 0.5:
                order = {**order, "kind": "url", "targets": [f"http://site.example{thing.path}"]}
            ordered = time.monotonic()
            self.result.purges += 1
            with contextlib.suppress(OrderRefused, OSError):
                receipt = await send_order(self.cluster.shield.admin, key, order, wait=2)
                if receipt["confirmed"] and self._all_are_told(receipt):
                    thing.purged.append((ordered, time.monotonic()))
                    self.result.confirmed += 1

    def _all_are_told(self, receipt: dict) -> bool:
        """Whether the receipt is of every edge: one that has never been seen, or has been given up, is not in it."""
        confirmed = {one["node"] for one in receipt.get("nodes", ()) if one["state"] == "confirmed"}
        return {edge.name for edge in self.cluster.edges} <= confirmed

    async def _ask_for_all(self) -> None:
        """Once the faults are over, every thing is there, at every edge."""
        self.origin.mood = "well"
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(auto_decompress=False, timeout=timeout) as session:
            for edge in self.cluster.edges:
                for thing in self._things:
                    outcome = await self.clients.ask(session, thing, edge.url, "plain")
                    if outcome in _ONCE_MORE:
                        outcome = await self.clients.ask(session, thing, edge.url, "plain")
                    self.clients.tally.outcomes[outcome] += 1
                    if outcome != "200":
                        why = f"{outcome} ({self.clients.tally.last_failure})"
                        self.result.unanswered.append(f"{thing.name} at {edge.name}: {why}")


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
