"""A flood of orders in batches, while edges answer hits: what is lost, what memory it takes, what hits feel of it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

from bench.purge_nodes import Fleet, Hits, Orders, fleet, percentile, processor_time
from httpcache.purge.keys import load_private_key

BATCH = 250
EDGES = 2
HIT_RATE = 200.0
SETTLE = 60.0
"""Longest wait for the last order to be applied everywhere, in seconds."""


async def run(folder: Path, rate: int, seconds: int) -> dict[str, Any]:
    """Hits without orders, then with them, then beside processes that only burn what the orders took.

    The sender is a process of its own: it must not slow what it measures.
    """
    with fleet(folder, EDGES) as running:
        paths = [f"/objects/hot-{number}?size=2000&ttl=86400&tag=hot" for number in range(100)]
        hits = Hits([node.url for node in running.nodes[1:]], paths, HIT_RATE)
        await hits.warm()
        pids = [pid for node in running.nodes for pid in node.pids()]
        times = [_times(pids)]
        without = await _hits_for(hits, asyncio.sleep(seconds))
        times.append(_times(pids))
        began, memory = running.keeper.applied, [_memory(running)]
        told: dict[str, Any] = {}
        with_orders = await _hits_for(hits, _flood(running, rate, seconds, told, memory))
        lost = await _lost(running, began + told["sent"])
        times.append(_times(pids))
        memory.append(_memory(running))
        idle, busy = ([b - a for a, b in zip(*pair, strict=True)] for pair in (times[:2], times[1:]))
        costs = [max(0.0, b - a) / seconds for a, b in zip(idle, busy, strict=True)]
        period = BATCH / rate
        burnt = await _hits_for(hits, _burn([told["cpu"] / seconds, *costs], period, seconds))
        hits.close()
    return {
        "nodes": EDGES + 1,
        "seconds": seconds,
        "batch": BATCH,
        "wanted_rate": rate,
        "sent": told["sent"],
        "rate": round(told["sent"] / told["seconds"]),
        "lost": lost,
        **_latencies("without", without),
        **_latencies("with", with_orders),
        **_latencies("burnt", burnt),
        "ratio": round(percentile(with_orders, 0.99) / percentile(without, 0.99), 2),
        "burnt_ratio": round(percentile(burnt, 0.99) / percentile(without, 0.99), 2),
        "cpu_ms_per_batch": [round(cost * period * 1000, 2) for cost in costs],
        "hits": len(with_orders),
        "failed": hits.failed,
        "missed": hits.missed,
        **dict(zip(("before", "half", "after"), memory, strict=True)),
    }


async def _flood(running: Fleet, rate: int, seconds: int, told: dict[str, Any], memory: list[int]) -> None:
    """Send, and look at the memory of the nodes half-way."""
    key = running.folder / running.keeper.name / "keys" / "operator.key"
    numbers = map(str, (rate, seconds, BATCH))
    sender = await _process("bench.purge_flood", running.keeper.admin, str(key), *numbers)
    await asyncio.sleep(seconds / 2)
    memory.append(await asyncio.to_thread(_memory, running))
    told.update(json.loads((await sender.communicate())[0]))


async def _burn(costs: list[float], period: float, seconds: int) -> None:
    """As many processes as orders keep busy, each burning its share of a processor once a period, all at once."""
    at = time.time() + 1
    burners = [
        await _process("bench.burning", str(at), str(cost * period), str(period), str(seconds))
        for cost in costs
        if cost > 0
    ]
    for one in burners:
        await one.wait()


async def _process(module: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE
    )


def _latencies(name: str, took: list[float]) -> dict[str, float]:
    return {f"p{share}_{name}_ms": round(percentile(took, share / 100) * 1000, 2) for share in (50, 99)}


def _times(pids: list[int]) -> list[float]:
    return [processor_time(pid) for pid in pids]


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


async def _send(admin: str, key: str, rate: int, seconds: int, batch: int) -> dict[str, Any]:
    """Batches at their times, one at a time on the wire; each names tags that no other does."""
    sent, began, cpu = 0, time.perf_counter(), time.process_time()
    async with aiohttp.ClientSession() as session:
        orders = Orders(admin, load_private_key(Path(key)), session)
        while sent < rate * seconds:
            tags = range(sent, sent + batch)
            await orders.send({"orders": [{"kind": "tag", "targets": [f"t-{tag}"]} for tag in tags]})
            sent += batch
            await asyncio.sleep(max(0.0, began + sent / rate - time.perf_counter()))
    return {"sent": sent, "seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_send(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])))))
