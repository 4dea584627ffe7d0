"""One tag on very many stored objects: an order for it beside one for a single object, and the space given back."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

import aiohttp

from bench.purge_nodes import HOST, Fleet, Hits, Orders, fleet, percentile, stop
from httpcache.messages import Fields, Form, PurgeMark, StoredResponse
from httpcache.settings import StoreSettings
from httpcache.store.tiered import TieredStore

ORDERS = 15
"""Orders of each kind; their median is told."""
SIZE = 500
"""Octets of each body."""
LONGEST = 120.0
"""Longest wait for the space, in seconds."""


async def run(folder: Path, objects: int) -> dict[str, Any]:
    """Fill the disk store of an edge while it is stopped, then purge single objects, then the tag that all have."""
    with fleet(folder, 0, "--disk", "4GiB") as running:
        epoch = int(running.keeper.get("/readyz").split(b'"applied": "')[1].split(b".")[0])
        stop(running.nodes.pop())
        await _fill(folder / "edge", objects, epoch)
        assert running.origin is not None
        running.add("edge", "edge", "--origin", running.origin.url, "--disk", "4GiB")
        running.wait()
        return await _purge(running, objects)


async def _fill(folder: Path, objects: int, epoch: int) -> None:
    store = TieredStore(StoreSettings(ram=0, disk=4 * 2**30), folder)
    await store.start()
    now = time.time()
    for number in range(objects):
        uri = f"{HOST}/objects/many-{number}?size={SIZE}&ttl=86400"
        key = f"http://{uri}"
        body_id = store.new_body_id(key)
        stored = StoredResponse(
            key=key,
            uri=uri,
            status=200,
            reason="OK",
            fields=Fields(
                [("Content-Type", "text/plain"), ("Cache-Control", "max-age=86400"), ("ETag", '"1"')]
            ),
            request_time=now,
            response_time=now,
            tags=("many",),
            mark=PurgeMark(epoch, 0),
            forms=(Form("", body_id, SIZE, ((0, SIZE),)),),
        )
        store.keep(stored, {body_id: b"x" * SIZE})
        if number % 2000 == 1999:
            assert store.disk is not None
            await store.disk.write(body_id, 9, b"")  # returns once what waits has been written
    await store.close()


async def _purge(running: Fleet, objects: int) -> dict[str, Any]:
    edge = running.keeper
    hits = Hits([edge.url], [f"/objects/hot-{number}?size=2000&ttl=86400" for number in range(20)], 100)
    await hits.warm()
    held = edge.metric('edgeward_store_bytes{store="disk"}')
    one, every = [], []
    async with aiohttp.ClientSession() as session:
        orders = Orders(edge.admin, running.key, session)
        stopping = asyncio.Event()
        load = asyncio.create_task(hits.run(stopping))
        for number in range(ORDERS):
            url = f"http://{HOST}/objects/many-{number}?size={SIZE}&ttl=86400"
            took, _ = await orders.send({"kind": "url", "targets": [url], "wait": 30})
            one.append(took * 1000)
        for _ in range(ORDERS):
            took, receipt = await orders.send({"kind": "tag", "targets": ["many"], "wait": 30})
            every.append(took * 1000)
            assert receipt["confirmed"]
        began = time.monotonic()
        given = 0.0
        while given < objects and time.monotonic() < began + LONGEST:
            await asyncio.sleep(0.5)
            given = await asyncio.to_thread(edge.metric, 'edgeward_purge_given_back_total{store="disk"}')
        seconds = time.monotonic() - began
        await asyncio.sleep(2)  # what is counted is removed in the writing thread
        stopping.set()
        await load
    left = edge.metric('edgeward_store_bytes{store="disk"}')
    hits.close()
    return {
        "objects": objects,
        "orders": ORDERS,
        "one_ms": round(statistics.median(one), 1),
        "all_ms": round(statistics.median(every), 1),
        "held": held,
        "given_back": held - left,
        "removed": given,
        "seconds": round(seconds, 1),
        "hit_p99_ms": round(percentile(hits.took, 0.99) * 1000, 1),
        "missed": hits.missed,
    }
