"""Real processes: an order reaches each worker's own memory, and one that has just started; kill -9 loses none."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
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


@pytest.fixture(params=["kept by a node", pytest.param("on NATS", marks=needs_nats)])
async def nodes(request, tmp_path):
    origin = Origin()
    await origin.start()
    shield = NodeProcess(tmp_path, "shield", "shield", "--origin", origin.url)
    edge = NodeProcess(tmp_path, "edge", "edge", "--shield", shield.url, workers=2)
    made = Nodes(origin, shield, edge, shield.data / "keys" / "operator.key", None)
    if request.param == "on NATS":
        made.bus = await asyncio.to_thread(NatsServer(tmp_path / "nats").start)
        made.key, keys = new_operator(tmp_path / "operator")
        config = tmp_path / "node.toml"
        config.write_text(f'{config.read_text()}bus = "{made.bus.url}"\nkeys = "{keys}"\n')
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
