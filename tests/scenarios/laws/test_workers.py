"""Real processes: an order reaches each worker's own memory, and one that has just started; kill -9 loses none."""

from __future__ import annotations

import asyncio
import itertools
import signal

import aiohttp
import pytest

from httpcache.purge.client import send_order
from httpcache.purge.keys import load_private_key
from tests.campaign.cluster import NodeProcess
from tests.campaign.faults import started_again
from tests.scenarios.origin import Origin

pytestmark = pytest.mark.slow

FRESH = {"Cache_Control": "max-age=600", "ETag": '"always the same"'}
ORDER = {"kind": "url", "targets": ["http://site.example/a"]}


@pytest.fixture
async def nodes(tmp_path):
    """An origin, a shield and an edge of two workers."""
    origin = Origin()
    await origin.start()
    shield = NodeProcess(tmp_path, "shield", "shield", "--origin", origin.url)
    edge = NodeProcess(tmp_path, "edge", "edge", "--shield", shield.url, workers=2)
    try:
        await shield.start()
        await edge.start()
        yield origin, shield, edge
    finally:
        for node in (edge, shield):
            await node.end(signal.SIGKILL)
        await origin.close()


async def bodies(edge, count=16):
    """What clients get, each on a connection of its own, so that both workers answer some."""

    async def one(session):
        async with session.get(f"{edge.url}/a", headers={"Host": "site.example"}) as answer:
            return await answer.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        return {await one(session) for _ in range(count)}


async def purged(shield):
    key = load_private_key(shield.data / "keys" / "operator.key")
    async with asyncio.timeout(30):
        while not (await send_order(shield.admin, key, ORDER, 5.0))["confirmed"]:
            pass


async def test_no_worker_keeps_in_its_memory_what_was_purged_by_whatever_is_killed(nodes):
    origin, shield, edge = nodes
    versions = (b"version %d" % number for number in itertools.count())

    async def published():
        """A new version under the old entity tag, which only a purge brings to light."""
        origin.answers("/a", version := next(versions), **FRESH)
        return version

    version = await published()
    assert await bodies(edge) == {version}
    version = await published()
    await purged(shield)
    assert await bodies(edge) == {version}

    await edge.kill_a_worker(0)
    version = await published()
    await purged(shield)  # confirmed by the worker that takes its place, too
    assert await bodies(edge) == {version}

    for killed in ((edge,), (shield,), (shield, edge), (edge, shield)):
        version = await published()
        await purged(shield)
        for node in killed:
            await node.end(signal.SIGKILL)
        await asyncio.gather(*map(started_again, killed))
        assert await bodies(edge) == {version}
