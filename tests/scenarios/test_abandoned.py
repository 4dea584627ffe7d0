"""Clients that leave: the fetch goes on for the others, and for the store where enough of it has come."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenarios.origin import Line

LENGTH = 4_000_000
BODY = bytes(range(250)) * (LENGTH // 250)


async def leaving_client(world, target: str):
    """A client that has read the head and the first octets, and can leave."""
    host, port = world.edges[0].settings.listen.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**16)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: site.example\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(1000)
    return reader, writer


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def received(world) -> int:
    """Octets of the one body that is arriving at the edge."""
    flights = world.edges[0].worker.tier.collapser._in_flight.values()
    return sum(one.landed.result()[1].arriving.received for one in flights if one.landed.done())


class Halting(Line):
    """A body that halts after a share of it until `gate` is set."""

    def __init__(self, share: float, gate: asyncio.Event, *fields: tuple[str, str]) -> None:
        super().__init__(body=BODY, fields=[("Cache-Control", "max-age=60"), *fields])
        self._first, self._gate = int(LENGTH * share), gate

    async def _body(self, writer: asyncio.StreamWriter) -> bool:
        writer.write(self.body[: self._first])
        await self._gate.wait()
        writer.write(self.body[self._first :])
        return True


@pytest.mark.parametrize(
    ("share", "setting", "is_finished"),
    [(0.75, 0.5, True), (0.25, 0.5, False), (0.25, 0.0, True), (0.75, 1.0, False)],
)
async def test_a_fetch_that_everyone_left_is_finished_when_enough_has_come(
    worlds, share, setting, is_finished
):
    async with worlds(tiers=1, fetch={"finish_abandoned": setting}) as world:
        gate = asyncio.Event()
        world.origin.does("/a", lambda _: Halting(share, gate))
        reader, writer = await leaving_client(world, "/a")
        await reader.readexactly(int(LENGTH * share) - 1000)
        writer.close()
        await until(lambda: not world.edges[0].worker.http.web_server.connections)
        gate.set()
        await until(lambda: not world.edges[0].worker.tier.collapser.in_flight)
        got = await world.get("/a")
        assert got.body == BODY
        assert len(world.origin.seen("/a")) == (1 if is_finished else 2)


async def test_whoever_comes_after_a_fetch_was_given_up_starts_another(worlds):
    async with worlds(tiers=2) as world:
        gate = asyncio.Event()
        world.origin.answers("/a", BODY, Cache_Control="max-age=60", body_gate=gate)
        leaving = [await leaving_client(world, "/a") for _ in range(3)]
        staying = asyncio.create_task(world.get("/a"))
        await until(lambda: received(world) >= LENGTH // 2)
        for _, writer in leaving:
            writer.close()
        gate.set()
        assert (await staying).body == BODY
        assert len(world.origin.seen("/a")) == 1, "one stayed: the fetch went on"


async def test_a_leader_that_left_before_the_head_came_ends_the_fetch_where_nobody_waits(worlds):
    async with worlds(tiers=1) as world:
        gate, body_gate = asyncio.Event(), asyncio.Event()
        world.origin.answers("/a", BODY, Cache_Control="max-age=60", gate=gate, body_gate=body_gate)
        leader = asyncio.create_task(world.get("/a"))
        await world.origin.has_seen("/a", 1)
        leader.cancel()
        await until(lambda: not world.edges[0].worker.http.web_server.connections)
        gate.set()
        await until(lambda: not world.edges[0].worker.tier.collapser.in_flight)
        body_gate.set()
        await until(lambda: not world.origin._connections)


@pytest.mark.parametrize(
    ("whole_up_to", "is_finished"), [("8MiB", True), ("1MiB", False)], ids=["small", "large"]
)
async def test_a_body_that_a_condition_makes_needless_is_stored_if_it_is_small(
    worlds, whole_up_to, is_finished
):
    async with worlds(tiers=2, fetch={"whole_up_to": whole_up_to}) as world:
        gate = asyncio.Event()
        world.origin.does("/a", lambda _: Halting(0.25, gate, ("ETag", '"1"')))
        assert (await world.get("/a", If_None_Match='"1"')).status == 304
        if not is_finished:
            await until(lambda: not world.edges[0].worker.tier.collapser.in_flight)
        gate.set()
        await until(lambda: not world.edges[0].worker.tier.collapser.in_flight)
        assert (await world.get("/a")).body == BODY
        assert len(world.origin.seen("/a")) == (1 if is_finished else 2)


async def test_a_body_that_one_does_not_need_and_another_waits_for_is_fetched(worlds):
    async with worlds(tiers=1, fetch={"whole_up_to": "1MiB"}) as world:
        gate, head = asyncio.Event(), asyncio.Event()
        world.origin.answers("/a", BODY, Cache_Control="max-age=60", ETag='"1"', gate=head, body_gate=gate)
        asking = [asyncio.create_task(world.get("/a", If_None_Match='"1"')) for _ in range(2)]
        await world.origin.has_seen("/a", 1)
        asking.append(asyncio.create_task(world.get("/a")))
        await until(lambda: world.edges[0].worker.tier.collapser.waiting == 2)
        head.set()
        await until(lambda: received(world) >= LENGTH // 2)
        gate.set()
        got = await asyncio.gather(*asking)
        assert [one.status for one in got] == [304, 304, 200]
        assert got[2].body == BODY
        assert len(world.origin.seen("/a")) == 1
