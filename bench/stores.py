"""What the stores cost: a start on many stored objects, memory for each, and eviction beside steady writing."""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
import urllib.error
import urllib.request
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import peers
from httpcache.messages import Fields, Form, PurgeMark, StoredResponse
from httpcache.purge.log import PurgeLog
from httpcache.settings import StoreSettings
from httpcache.store import records
from httpcache.store.tiered import TieredStore

SAME = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "public, max-age=3600"),
    ("Server", "origin"),
    ("X-Content-Type-Options", "nosniff"),
]
"""Field lines that all have; each has three of its own beside them."""


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.stores", description=__doc__)
    parser.add_argument("--objects", type=int, default=200_000, help="stored before the start is timed")
    parser.add_argument("--seconds", type=float, default=15, help="of steady writing to a full disk store")
    parser.add_argument("--json", type=Path)
    choices = parser.parse_args()
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name:
        folder = Path(name)
        told |= _in_a_process(_fill, folder / "many", choices.objects)
        told |= _in_a_process(_start, folder / "many", choices.objects)
        told["start of a node with them: seconds to its first hit"] = _node(
            folder / "many", f"/objects/{choices.objects // 2}", 200
        )
        told["start of a node without: seconds to its first answer"] = _node(folder / "none", "/", 502)
        told |= _in_a_process(_ram, folder)
        for size in (2_000, 40_000, 400_000):
            told |= _in_a_process(_full, folder / f"full{size}", size, choices.seconds)
    table = Table("what", "measured")
    for what, measured in told.items():
        table.add_row(what, f"{measured:,.3f}" if isinstance(measured, float) else f"{measured:,}")
    Console().print(table)
    if choices.json:
        choices.json.write_text(json.dumps(told, indent=1) + "\n")
    return 0


def _in_a_process(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Each in a process of its own, so that one's memory is not another's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _object(
    store: TieredStore, index: int, size: int, mark: PurgeMark | None = None
) -> tuple[StoredResponse, dict[str, bytes]]:
    key = f"http://site.example/objects/{index}"
    form = Form("", store.new_body_id(key), size, ((0, size),))
    now = time.time()
    dates = ("Date", formatdate(index, usegmt=True)), ("Last-Modified", formatdate(7 * index, usegmt=True))
    one = StoredResponse(
        key,
        key[7:],
        200,
        "OK",
        Fields((*SAME, *dates, ("ETag", f'"{index:012x}"'))),
        now,
        now,
        tags=("group-1",),
        mark=mark or PurgeMark(),
        forms=(form,),
    )
    return one, {form.body_id: os.urandom(size)}


def _fill(folder: Path, objects: int) -> dict[str, Any]:
    """Objects of 1 KiB, as a run leaves them."""

    async def fill() -> float:
        store = TieredStore(StoreSettings(ram=2**20), folder)
        await store.start()
        assert store.disk is not None
        log = PurgeLog(
            folder / "purge" / "log.db", time.time()
        )  # a node trusts what it stored under its own log
        mark = PurgeMark(log.epoch, 0)
        log.close()
        began = time.perf_counter()
        for index in range(objects):
            one, bodies = _object(store, index, 1024, mark)
            store.keep(one, bodies)
            if index % 1000 == 999:
                await store.disk.written()
        await store.close()
        return time.perf_counter() - began

    took = asyncio.run(fill())
    octets = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        f"{objects:,} objects of 1 KiB written, per second": objects / took,
        "bytes on disk for each, beside its 1,024": octets / objects - 1024,
    }


def _start(folder: Path, objects: int) -> dict[str, Any]:
    """From nothing to the first answer, and how long answers take while the sweep looks at everything."""

    async def start() -> dict[str, Any]:
        before = _resident()
        began = time.perf_counter()
        store = TieredStore(StoreSettings(ram=2**20), folder)
        await store.start()
        found = store.look_up("http://site.example/objects/0")
        ready = time.perf_counter() - began
        assert found and store.disk is not None
        waits = []
        draw = random.Random(1)
        while not store.disk.is_swept:
            asked = time.perf_counter()
            assert store.look_up(f"http://site.example/objects/{draw.randrange(objects)}")
            waits.append(time.perf_counter() - asked)
            await asyncio.sleep(0.001)
        swept = time.perf_counter() - began
        waits.sort()
        grown = _resident() - before
        await store.close()
        return {
            "start: seconds to the first answer": ready,
            "start: seconds until all was swept": swept,
            "start: look-ups meanwhile": len(waits),
            "start: p50 of a look-up meanwhile, ms": waits[len(waits) // 2] * 1e3,
            "start: p99 of a look-up meanwhile, ms": waits[int(len(waits) * 0.99)] * 1e3,
            "start: longest look-up meanwhile, ms": waits[-1] * 1e3,
            "start: memory in use after it, bytes for each stored object": grown / objects,
        }

    return asyncio.run(start())


def _node(folder: Path, path: str, status: int) -> float:
    """A whole node on that folder: seconds from its command to an answer of that status. Its origin is never there."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    port = peers.free_port()
    command = [sys.executable, "-m", "edgeward", "edge", "--listen", f"127.0.0.1:{port}"]
    command += ["--origin", "http://127.0.0.1:1", "--data", str(folder)]
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": "site.example"})
    with (folder.parent / "edge.out").open("wb") as out:
        began = time.perf_counter()
        node = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
        try:
            while time.perf_counter() - began < 60:
                if _status(request) == status:
                    return time.perf_counter() - began
                time.sleep(0.01)
            raise RuntimeError((folder.parent / "edge.out").read_text(errors="replace"))
        finally:
            node.terminate()
            node.wait(30)


def _status(request: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _resident() -> int:
    """Memory of this process that is no file's, in bytes; the most there was where the system does not tell."""
    try:
        resident, shared = Path("/proc/self/statm").read_text().split()[1:3]
        return (int(resident) - int(shared)) * resource.getpagesize()
    except (OSError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _ram(folder: Path) -> dict[str, Any]:
    """What the RAM store says it uses beside what it does."""
    store = TieredStore(StoreSettings(ram=2**28, disk=0), folder)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    count = 10_000
    for index in range(count):
        one, bodies = _object(store, index, 1024)
        (one,) = records.decode_record(records.encode_record(one.key, [one]), one.key) or (one,)
        one.fields.get("etag")
        store.ram.put(one.key, (one,), bodies)
    real = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return {
        "RAM: bytes counted for an object of 1 KiB with 7 field lines": store.ram.used / count,
        "RAM: bytes that it really takes": real / count,
    }


def _full(folder: Path, size: int, seconds: float) -> dict[str, Any]:
    """Writing as fast as it goes to a store that is full, so that each object costs others their place."""

    async def write() -> dict[str, Any]:
        budget = max(64 * 2**20, 200 * size)
        store = TieredStore(StoreSettings(ram=0, disk=budget), folder)
        await store.start()
        disk = store.disk
        assert disk is not None
        index, highest, began, counted = 0, 0, 0.0, 0
        while not began or time.perf_counter() - began < seconds:
            for _ in range(max(1, 4 * 2**20 // size)):
                one, bodies = _object(store, index, size)
                disk.put(one.key, (one,), store._segments(bodies))
                index += 1
            await disk.written()
            if began:
                highest = max(highest, _on_disk(folder / "store"))
            elif disk.eviction.evicted:
                began, counted = time.perf_counter(), index
        took = time.perf_counter() - began
        await store.close()
        name = f"full store, {size:,} bytes each"
        return {
            f"{name}: objects written per second": (index - counted) / took,
            f"{name}: MB per second": (index - counted) * size / took / 1e6,
            f"{name}: most on disk, share of the budget": highest / budget,
            f"{name}: refused": store.counts.refused,
        }

    return asyncio.run(write())


def _on_disk(folder: Path) -> int:
    """Bytes of all files; one that is removed meanwhile counts nothing."""
    total = 0
    for entry in os.scandir(folder):
        try:
            total += _on_disk(Path(entry.path)) if entry.is_dir() else entry.stat().st_size
        except FileNotFoundError:
            continue
    return total


if __name__ == "__main__":
    sys.exit(main())
