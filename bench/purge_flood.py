"""A flood of orders in batches, while edges answer hits: what is lost, what memory it takes, what hits feel of it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

from bench.purge_nodes import Fleet, Hits, Orders, fleet, percentile
from httpcache.purge.keys import load_private_key

BATCH = 250
EDGES = 2
HIT_RATE = 200.0
SETTLE = 60.0
"""Longest wait for the last order to be applied everywhere, in seconds."""


async def run(folder: Path, rate: int, seconds: int) -> dict[str, Any]:
    """Hits without orders, then with them. The sender is a process of its own: it must not slow what it measures."""
    with fleet(folder, EDGES) as running:
        hits = Hits(
            [node.url for node in running.nodes[1:]],
            [f"/objects/hot-{number}?size=2000&ttl=86400&tag=hot" for number in range(100)],
            HIT_RATE,
        )
        await hits.warm()
        without = await _hits_for(hits, asyncio.sleep(seconds))
        before = _memory(running)
        began = running.keeper.applied
        sender = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.purge_flood",
            running.keeper.admin,
            str(folder / running.keeper.name / "keys" / "operator.key"),
            str(rate),
            str(seconds),
            stdout=asyncio.subprocess.PIPE,
        )
        half: list[int] = []

        async def flooded() -> dict[str, Any]:
            await asyncio.sleep(seconds / 2)
            half.append(await asyncio.to_thread(_memory, running))
            assert sender.stdout is not None
            return dict(json.loads(await sender.stdout.read()))

        told: dict[str, Any] = {}

        async def until_over() -> None:
            told.update(await flooded())

        with_orders = await _hits_for(hits, until_over())
        lost = await _lost(running, began + told["sent"])
        after = _memory(running)
        hits.close()
    ratio = percentile(with_orders, 0.99) / percentile(without, 0.99)
    return {
        "nodes": EDGES + 1,
        "seconds": seconds,
        "batch": BATCH,
        "wanted_rate": rate,
        "sent": told["sent"],
        "rate": round(told["sent"] / told["seconds"]),
        "lost": lost,
        "p99_without_ms": round(percentile(without, 0.99) * 1000, 2),
        "p99_with_ms": round(percentile(with_orders, 0.99) * 1000, 2),
        "p50_without_ms": round(percentile(without, 0.5) * 1000, 2),
        "p50_with_ms": round(percentile(with_orders, 0.5) * 1000, 2),
        "ratio": round(ratio, 2),
        "hits": len(with_orders),
        "failed": hits.failed,
        "missed": hits.missed,
        "before": before,
        "half": half[0],
        "after": after,
    }


async def _hits_for(hits: Hits, work: Any) -> list[float]:
    """Latencies of hits while `work` is done, in seconds."""
    hits.took = []
    stop = asyncio.Event()
    load = asyncio.create_task(hits.run(stop))
    await work
    stop.set()
    await load
    return hits.took


async def _lost(running: Fleet, newest: int) -> int:
    """Orders that a worker has still not applied after a while, most over nodes."""
    deadline = time.monotonic() + SETTLE
    while True:
        least = min([await asyncio.to_thread(lambda node=node: node.applied) for node in running.nodes])
        if least >= newest or time.monotonic() > deadline:
            return max(0, newest - least)
        await asyncio.sleep(0.1)


def _memory(running: Fleet) -> int:
    return sum(node.memory() for node in running.nodes)


async def _send(admin: str, key: str, rate: int, seconds: int) -> dict[str, Any]:
    """Batches at their times, one at a time on the wire; each names tags that no other does."""
    sent, began = 0, time.perf_counter()
    async with aiohttp.ClientSession() as session:
        orders = Orders(admin, load_private_key(Path(key)), session)
        while sent < rate * seconds:
            tags = range(sent, sent + BATCH)
            await orders.send({"orders": [{"kind": "tag", "targets": [f"t-{tag}"]} for tag in tags]})
            sent += BATCH
            await asyncio.sleep(max(0.0, began + sent / rate - time.perf_counter()))
    return {"sent": sent, "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_send(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))))
