"""A flood of orders in batches, while an edge answers hits: what is lost, what memory it takes, what hits feel of it.

Core 1 has one edge and its clients; core 0 the rest, in life other machines: origin, keeper, second edge, sender.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp

from bench.peers import LOAD_CORE, SERVER_CORE
from bench.purge_nodes import Fleet, Hits, Node, Orders, fleet, percentile, processor_time
from httpcache.purge.keys import load_private_key

ELSEWHERE, MEASURED = SERVER_CORE, LOAD_CORE
"""The core of what is on other machines in life, and that of the edge which is measured and of its clients."""

BATCH = 250
"""An eighth of a second's orders. Every batch costs the nodes 14 ms beside its orders, so smaller ones cost more: as
many orders in batches of 100 twice as much, of 50 three times."""
EDGES = 2
HIT_RATE = 200.0
ROUNDS = 3
"""Each without orders, with them, and beside what burns as much; whatever else a machine does comes to all three."""
SETTLE = 60.0
"""Longest wait for the last order to be applied everywhere, in seconds."""


async def run(folder: Path, rate: int, seconds: int) -> dict[str, Any]:
    """Rounds of hits without orders, with them, and beside processes that only burn what the orders took.

    The sender is a process of its own: it must not slow what it measures. `seconds` is the length of all floods.
    """
    each = max(1, seconds // ROUNDS)
    with fleet(folder, EDGES) as running, _pinned(running):
        paths = [f"/objects/hot-{number}?size=2000&ttl=86400&tag=hot" for number in range(100)]
        hits = Hits([running.nodes[1].url], paths, HIT_RATE)
        for _ in range(2):
            await hits.warm()  # once to store, once to have the answers ready
        memory, rounds = [_memory(running)], []
        for _ in range(ROUNDS):
            rounds.append(await _round(running, hits, rate, each))
            memory.append(_memory(running))
        hits.close()
    return {
        "nodes": EDGES + 1,
        "seconds": each * ROUNDS,
        "batch": BATCH,
        "wanted_rate": rate,
        "sent": sum(one["sent"] for one in rounds),
        "rate": round(sum(one["sent"] for one in rounds) / sum(one["seconds"] for one in rounds)),
        "lost": sum(one["lost"] for one in rounds),
        **{name: round(median(one[name] for one in rounds), 2) for name in rounds[0] if "_ms" in name},
        **{name: round(median(one[name] for one in rounds), 2) for name in ("ratio", "burnt_ratio")},
        "failed": hits.failed,
        "missed": hits.missed,
        **dict(zip(("before", "half", "after"), (memory[0], memory[ROUNDS // 2], memory[-1]), strict=True)),
        "rounds": rounds,
    }


async def _round(running: Fleet, hits: Hits, rate: int, seconds: int) -> dict[str, Any]:
    """One round: latencies of hits without orders, with them, and beside burners."""
    pids = [(node, pid) for node in running.nodes for pid in node.pids()]
    times = [_times(pids)]
    without = await _hits_for(hits, asyncio.sleep(seconds))
    times.append(_times(pids))
    began, told = running.keeper.applied, dict[str, Any]()
    with_orders = await _hits_for(hits, _flood(running, rate, seconds, told))
    lost = await _lost(running, began + told["sent"])
    times.append(_times(pids))
    idle, busy = ([b - a for a, b in zip(*pair, strict=True)] for pair in (times[:2], times[1:]))
    costs = [max(0.0, b - a) / seconds for a, b in zip(idle, busy, strict=True)]
    cores = [_core(running, node) for node, _ in pids]
    burners = [(ELSEWHERE, told["cpu"] / seconds), *zip(cores, costs, strict=True)]
    burnt = await _hits_for(hits, _burn(burners, BATCH / rate, seconds))
    p99 = [percentile(took, 0.99) for took in (without, with_orders, burnt)]
    return {
        **told,
        "lost": lost,
        **_latencies("without", without),
        **_latencies("with", with_orders),
        **_latencies("burnt", burnt),
        "ratio": round(p99[1] / p99[0], 2),
        "burnt_ratio": round(p99[2] / p99[0], 2),
        "batch_cost_ms": round(sum(costs) * BATCH / rate * 1000, 1),
    }


@contextlib.contextmanager
def _pinned(running: Fleet) -> Iterator[None]:
    """Every process on its core, this one, which asks for the hits, beside the edge that is measured."""
    assert running.origin is not None
    own = os.sched_getaffinity(0)
    for node in (running.origin, *running.nodes):
        for pid in node.pids():
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {int(_core(running, node))})
    os.sched_setaffinity(0, {int(MEASURED)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def _core(running: Fleet, node: Node) -> str:
    return MEASURED if node is running.nodes[1] else ELSEWHERE


async def _flood(running: Fleet, rate: int, seconds: int, told: dict[str, Any]) -> None:
    key = running.folder / running.keeper.name / "keys" / "operator.key"
    numbers = map(str, (rate, seconds, BATCH))
    sender = await _process(ELSEWHERE, "bench.purge_flood", running.keeper.admin, str(key), *numbers)
    told.update(json.loads((await sender.communicate())[0]))


async def _burn(costs: list[tuple[str, float]], period: float, seconds: int) -> None:
    """As many processes as orders keep busy, each burning its share of its core once a period, all at once."""
    at = time.time() + 1
    burners = [
        await _process(core, "bench.burning", str(at), str(cost * period), str(period), str(seconds))
        for core, cost in costs
        if cost > 0
    ]
    for one in burners:
        await one.wait()


async def _process(core: str, module: str, *arguments: str) -> asyncio.subprocess.Process:
    command = ["taskset", "-c", core, sys.executable, "-m", module, *arguments]
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)


def _latencies(name: str, took: list[float]) -> dict[str, float]:
    return {f"p{share}_{name}_ms": round(percentile(took, share / 100) * 1000, 2) for share in (50, 99)}


def _times(pids: list[tuple[Node, int]]) -> list[float]:
    return [processor_time(pid) for _, pid in pids]


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
