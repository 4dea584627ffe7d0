"""Real processes: an order reaches each worker's own memory, and one that has just started; kill -9 loses none."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from httpcache.purge.client import OrderRefused, send_order
from httpcache.purge.keys import load_private_key, new_operator
from tests.campaign.cluster import NodeProcess
from tests.campaign.faults import started_again
from tests.purge.nats_server import NatsServer, needs_nats
from tests.scenarios.origin import Origin

pytestmark = pytest.mark.slow

FRESH = {"Cache_Control": "max-age=600", "ETag": '"always the same"'}
ORDER = {"kind": "url", "targets": ["http://site.example/a"]}


@dataclass
class Nodes:
    """An origin, a shield and an edge of two workers, and the NATS server where the log is there."""

    origin: Origin
    shield: NodeProcess
    edge: NodeProcess
    key: Path
    bus: NatsServer | None

    async def kill_and_start(self, *killed: NodeProcess | NatsServer) -> None:
        """kill -9, one after the other, then start all of them again."""
        for one in killed:
            if isinstance(one, NodeProcess):
                await one.end(signal.SIGKILL)
            else:
                one.kill()
        await asyncio.gather(
            *(
                started_again(one) if isinstance(one, NodeProcess) else asyncio.to_thread(one.start)
                for one in killed
            )
        )


@contextlib.asynccontextmanager
async def running(folder: Path, *, on_nats: bool, settings: str = "") -> AsyncIterator[Nodes]:
    """Starts them; `settings` are more lines of [purge]."""
    origin = Origin()
    await origin.start()
    shield = NodeProcess(folder, "shield", "shield", "--origin", origin.url)
    edge = NodeProcess(folder, "edge", "edge", "--shield", shield.url, workers=2)
    made = Nodes(origin, shield, edge, shield.data / "keys" / "operator.key", None)
    if on_nats:
        made.bus = await asyncio.to_thread(NatsServer(folder / "nats").start)
        made.key, keys = new_operator(folder / "operator")
        settings += f'bus = "{made.bus.url}"\nkeys = "{keys}"\n'
    config = folder / "node.toml"
    config.write_text(config.read_text() + settings)
    try:
        await shield.start()
        await edge.start()
        yield made
    finally:
        for node in (edge, shield):
            await node.end(signal.SIGKILL)
        if made.bus is not None:
            made.bus.kill()
        await origin.close()


@pytest.fixture(params=[False, pytest.param(True, marks=needs_nats)], ids=["kept by a node", "on NATS"])
def on_nats(request):
    """Where the log is."""
    return request.param


@pytest.fixture
async def nodes(tmp_path, on_nats):
    async with running(tmp_path, on_nats=on_nats) as made:
        yield made


async def bodies(edge, count=16):
    """What clients get, each on a connection of its own, so that both workers answer some."""

    async def one(session):
        async with session.get(f"{edge.url}/a", headers={"Host": "site.example"}) as answer:
            return await answer.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        return {await one(session) for _ in range(count)}


async def purged(nodes):
    """Order until every worker of both nodes has confirmed: a node may still find its way to the log."""
    key = load_private_key(nodes.key)
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(OrderRefused):
                receipt = await send_order(nodes.shield.admin, key, ORDER, 5.0)
                if receipt["confirmed"] and len(receipt["nodes"]) == 2:
                    return
            await asyncio.sleep(0.05)


async def test_no_worker_keeps_in_its_memory_what_was_purged_by_whatever_is_killed(nodes):
    origin, shield, edge = nodes.origin, nodes.shield, nodes.edge
    versions = (b"version %d" % number for number in itertools.count())

    async def published():
        """A new version under the old entity tag, which only a purge brings to light."""
        origin.answers("/a", version := next(versions), **FRESH)
        return version

    version = await published()
    assert await bodies(edge) == {version}
    version = await published()
    await purged(nodes)
    assert await bodies(edge) == {version}

    await edge.kill_a_worker(0)
    version = await published()
    await purged(nodes)  # confirmed by the worker that takes its place, too
    assert await bodies(edge) == {version}

    every = [(edge,), (shield,), (shield, edge), (edge, shield)]
    if nodes.bus is not None:
        every += [(nodes.bus,), (edge, nodes.bus), (nodes.bus, shield, edge)]
    for killed in every:
        version = await published()
        await purged(nodes)
        await nodes.kill_and_start(*killed)
        assert await bodies(edge) == {version}


async def lose_log(nodes):
    """The log is lost while its keeper is killed, or the NATS server with all that it has."""
    if nodes.bus is not None:
        nodes.bus.kill()
        nodes.bus.wipe()
        await asyncio.to_thread(nodes.bus.start)
        return
    await nodes.shield.end(signal.SIGKILL)
    for path in (nodes.shield.data / "purge").glob("log.db*"):
        path.unlink()
    await started_again(nodes.shield)


async def test_all_that_an_edge_holds_is_validated_once_the_log_is_lost(tmp_path, on_nats):
    async with running(tmp_path, on_nats=on_nats) as nodes:
        nodes.origin.answers("/a", b"old", Cache_Control="max-age=600")
        assert await bodies(nodes.edge) == {b"old"}
        nodes.origin.answers("/a", b"new", Cache_Control="max-age=600")
        assert await bodies(nodes.edge) == {b"old"}
        before = max(await nodes.edge.epochs())
        await lose_log(nodes)
        async with asyncio.timeout(30):
            while min(await nodes.edge.epochs(), default=0) <= before:
                await asyncio.sleep(0.05)
        assert await bodies(nodes.edge) == {b"new"}
        await nodes.edge.is_ready()
        await purged(nodes)


async def test_all_that_an_edge_holds_is_validated_once_the_log_has_dropped_what_it_missed(tmp_path, on_nats):
    async with running(tmp_path, on_nats=on_nats, settings="log_count = 3\n") as nodes:
        nodes.origin.answers("/a", b"old", Cache_Control="max-age=600")
        assert await bodies(nodes.edge) == {b"old"}
        await purged(nodes)
        assert await bodies(nodes.edge) == {b"old"}
        await nodes.edge.end(signal.SIGKILL)
        key = load_private_key(nodes.key)
        nodes.origin.answers("/a", b"new", Cache_Control="max-age=600")
        await send_order(nodes.shield.admin, key, ORDER, 0)
        for number in range(6):
            await send_order(nodes.shield.admin, key, {"kind": "tag", "targets": [f"other-{number}"]}, 0)
        await nodes.shield.end(signal.SIGTERM)
        await started_again(nodes.shield)  # a log that a node keeps is compacted when it starts
        await started_again(nodes.edge)
        assert await bodies(nodes.edge) == {b"new"}
