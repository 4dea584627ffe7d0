"""Worlds whose purge log is kept by a node, and the same whose log lives on NATS: a law holds on both."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from httpcache.purge.bus import nats
from tests.purge.nats_server import NatsServer, needs_nats
from tests.scenarios.world import World


@pytest.fixture(scope="module")
def nats_server(tmp_path_factory) -> Iterator[NatsServer]:
    """A server for the tests of one file; each test has a stream of its own."""
    server = NatsServer(tmp_path_factory.mktemp("nats")).start()
    yield server
    server.kill()


@dataclass
class OnNats:
    """Settings of a log on NATS, and what may happen to it there."""

    url: str
    name: str

    async def compact(self, _: World) -> None:
        """The stream keeps only its newest order."""
        await self._do(lambda manager: manager.purge_stream(f"{self.name}-orders", keep=1))

    async def lose(self, world: World) -> None:
        """The stream is lost; another is made in its place."""
        before = world.nodes[0].keeper.door.log.epoch
        await self._do(lambda manager: manager.delete_stream(f"{self.name}-orders"))
        async with asyncio.timeout(20):
            while world.nodes[0].keeper.door.log.epoch == before:
                await asyncio.sleep(0.01)

    async def _do(self, what: Callable[[Any], Any]) -> None:
        client = await nats.connect(self.url)
        await what(client.jetstream())
        await client.close()


class Embedded:
    """A log that a node keeps."""

    url = name = ""

    async def compact(self, world: World) -> None:
        """The log keeps only its newest order."""
        door = world.nodes[0].keeper.door
        await door.run(door.log.compact, 0.0, 1e9, 1)

    async def lose(self, world: World) -> None:
        """The log is lost while its keeper is restarted."""
        await world.nodes[0].stop()
        for path in world.nodes[0].keeper._ledger_file.parent.glob("log.db*"):
            path.unlink()
        await world.nodes[0].start()


@pytest.fixture(params=["kept by a node", pytest.param("on NATS", marks=needs_nats)])
def bus(request) -> Embedded | OnNats:
    """Where the log is."""
    if request.param == "kept by a node":
        return Embedded()
    server = request.getfixturevalue("nats_server")
    return OnNats(server.url, f"test-{secrets.token_hex(6)}")


@pytest.fixture(params=[1, 2], ids=["one tier", "two tiers"])
async def world(request, tmp_path, bus) -> AsyncIterator[World]:
    """One edge, with and without a shield."""
    async with World(tmp_path, tiers=request.param, bus=bus) as made:
        yield made


@pytest.fixture
def worlds(tmp_path, bus) -> Callable[..., AbstractAsyncContextManager[World]]:
    """Makes a world of any shape."""
    return lambda **shape: World(tmp_path, bus=bus, **shape)
