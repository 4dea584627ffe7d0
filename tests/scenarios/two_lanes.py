"""Two edges that differ in nothing but this: one has all lanes, the other answers everything in the slow one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from pathlib import Path
from typing import Any

import edge
from httpcache.purge.orders import Order
from tests.scenarios.raw_client import RawClient, raw_client
from tests.scenarios.world import Node, World

NOW = 1_750_000_000.25
_BOUNDARY = re.compile(rb"(?<=boundary=)[0-9a-f]{24}|(?<=\r\n--)[0-9a-f]{24}(?=--\r\n|\r\n)")
_DATED = re.compile(rb"(Server: edgeward\r\n(?:[^\r\n]+\r\n)*?Date: )[^\r\n]+")
"""Answers to what is no request tell the time of the machine."""
LAST = b"GET /last HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n"
"""Ends a conversation; it is answered in the slow lane, after all that came before."""


class TwoLanes(World):
    """`fast` and `slow` go by the same name and the same clock, which stands still unless it is told to go on."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        # What is not collapsible is remembered by another clock, which goes on. What is purged is given back in the
        # background, by one edge before the other.
        purge = {"give_back_after": 0} | settings.pop("purge", {})
        super().__init__(folder, tiers=1, edges=2, fetch={"uncollapsible": 3600}, purge=purge, **settings)
        self.time = NOW
        self.orders = 0

    def _node(self, name: str, module: Any, *at: Any, **next_hop: Any) -> Node:
        node = super()._node(name, module, *at, **next_hop)
        observe = node.settings.observe.model_copy(update={"access_log": str(self._folder / f"{name}.log")})
        serve = node.settings.serve.model_copy(update={} if name == "edge-1" else {"heads": 0})
        update = {"name": "edge", "observe": observe, "serve": serve, "data": node.settings.data_folder}
        node.settings = node.settings.model_copy(update=update)
        return node

    async def __aenter__(self) -> TwoLanes:
        await super().__aenter__()
        self.origin.answers("/last", b"last", Cache_Control="no-store")
        for node in self.edges:
            assert node.module is edge
            node.worker.tier.now = lambda: self.time
        return self

    @property
    def fast_hits(self) -> int:
        """How many requests the fast lane has answered."""
        hits = self.edges[0].worker.hits
        hits.flush()
        return hits.hits

    @property
    def begun_between(self) -> int:
        """How many requests the middle lane has begun to answer."""
        return self.edges[0].worker.http.web_server.middle.begun

    async def both(self, raw: bytes, *, split: tuple[int, ...] = (), last: bytes = LAST) -> bytes:
        """Say the same to both edges, cut at the same places, and `last`; they must answer the same."""
        fast, slow = [await self._one(node, raw, split, last) for node in self.edges]
        assert fast == slow, f"asked {raw!r}, cut at {split}"
        return fast

    async def _one(self, node: Node, raw: bytes, split: tuple[int, ...], last: bytes) -> bytes:
        async with raw_client(node.url) as client:
            hearing = asyncio.create_task(_hear(client))
            for first, end in zip((0, *split), (*split, len(raw)), strict=True):
                client.writer.write(raw[first:end])
                if end < len(raw):
                    # Where it is read at once all the same, the answer is the same, too.
                    await asyncio.sleep(0.001)
            client.writer.write(last)
            heard = await hearing
        await node.worker.transactions.drain()
        return _DATED.sub(rb"\1now", _BOUNDARY.sub(b"boundary", heard))

    def orders_purge(self, order: Order) -> None:
        """Have both edges apply an order, as if it came from the log."""
        self.orders += 1
        for node in self.edges:
            marks = node.worker.watermarks
            marks.apply([(marks.mark.n + 1, order)])

    def log_lines(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What the access logs say of both, less times, in the order of the requests."""
        lines = []
        for number, node in enumerate(self.edges, 1):
            node.worker.hits.flush()
            node.worker.log.flush()
            text = (self._folder / f"edge-{number}.log").read_text()
            told = sorted(map(json.loads, text.splitlines()), key=lambda line: line["time"])
            lines.append([{k: v for k, v in line.items() if k not in ("time", "seconds")} for line in told])
        return lines[0], lines[1]


async def _hear(client: RawClient) -> bytes:
    """Everything up to the end of the connection, whatever its end is."""
    heard = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(60):
            while data := await client.reader.read(2**16):
                heard += data
    return heard
