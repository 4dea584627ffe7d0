"""Drives the real stores of a node, in a folder of their own, with a sequence of requests; bodies are zeros."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from edgeward.simulate import Budgets, Ratios
from httpcache.messages import Fields, Form, StoredResponse
from httpcache.settings import StoreSettings
from httpcache.store.tiered import TieredStore

FIELDS = Fields([("Content-Type", "text/html"), ("Cache-Control", "max-age=3600")])

BREATH = 10
"""Misses after which the driver waits until all is written: it asks faster than clients of any node."""


def drive(requests: list[tuple[str, int]], budgets: Budgets) -> Ratios:
    """The hit ratios that the stores get, with everything counted that an object costs them."""
    return asyncio.run(_drive(requests, budgets))


async def _drive(requests: list[tuple[str, int]], budgets: Budgets) -> Ratios:
    hits = octets = misses = 0
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name:
        store = TieredStore(StoreSettings(ram=budgets.ram, disk=budgets.disk), Path(name))
        await store.start()
        for key, size in requests:
            if await _has(store, f"http://site.example/{key}"):
                hits, octets = hits + 1, octets + size
                continue
            _keep(store, f"http://site.example/{key}", size)
            misses += 1
            if misses % BREATH == 0 and store.disk is not None:
                await store.disk.written()
        await store.close()
    return Ratios(hits / max(1, len(requests)), octets / max(1, sum(size for _, size in requests)))


async def _has(store: TieredStore, key: str) -> bool:
    found = store.look_up(key)
    return bool(found) and await store.whole(found[0], found[0].forms[0]) is not None


def _keep(store: TieredStore, key: str, size: int) -> None:
    form = Form("", store.new_body_id(key), size, ((0, size),) if size else ())
    now = time.time()
    one = StoredResponse(key, key.partition("//")[2], 200, "OK", FIELDS, now, now, forms=(form,))
    store.keep(one, {form.body_id: bytes(size)})
