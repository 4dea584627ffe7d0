"""Pages that are proven good each time: one request proves them for all who had come before it was sent, no others."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenarios.origin import Line
from tests.scenarios.test_purge import purge

EVERY_TIME = ["no-cache", "max-age=0"]


class Page:
    """One page of an origin: answers are made when asked for, and held back while `held` has gates for them."""

    def __init__(self, world, **fields: str) -> None:
        self.version = 1
        self.fields = {"Cache-Control": "no-cache"} | fields
        self.has_tag = True
        self.held: list[asyncio.Event] = []
        self.body_gate: asyncio.Event | None = None
        self.seen = lambda: [one.get("If-None-Match") for one in world.origin.seen("/a")]
        world.origin.does("/a", self)

    def hold(self) -> asyncio.Event:
        """Hold the next answer back that is not held yet."""
        self.held.append(asyncio.Event())
        return self.held[-1]

    def __call__(self, _) -> Line:
        fields = self.fields | ({"ETag": f'"{self.version}"'} if self.has_tag else {})
        gate = self.held.pop(0) if self.held else None
        return Line(body=self.body, fields=list(fields.items()), gate=gate, body_gate=self.body_gate)

    @property
    def body(self) -> bytes:
        return b"page %d" % self.version


def asking(world, count: int = 1, **fields: str) -> list[asyncio.Task]:
    return [asyncio.create_task(world.get("/a", **fields)) for _ in range(count)]


async def waiting(world, count: int) -> None:
    async with asyncio.timeout(10):
        while world.edges[0].worker.tier.collapser.waiting < count:
            await asyncio.sleep(0.005)


async def under_way(
    world, page: Page, count: int = 1, **fields: str
) -> tuple[list[asyncio.Task], asyncio.Event]:
    """Requests of which the first is being proven at the origin, and what lets that be answered."""
    gate, before = page.hold(), len(page.seen())
    asked = asking(world, **fields)
    await world.origin.has_seen("/a", before + 1)
    asked += asking(world, count - 1, **fields)
    await waiting(world, count - 1)
    return asked, gate


def bodies(got) -> set[bytes]:
    return {one.body for one in got}


@pytest.mark.requirement("9111§5.2.2.4 no-cache-needs-validation")
@pytest.mark.parametrize("cache_control", EVERY_TIME)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_each_wave_of_a_hundred_clients_costs_two_validations(world, cache_control, method):
    page = Page(world, **{"Cache-Control": cache_control})
    await world.get("/a")
    for _ in range(3):
        before = len(page.seen())
        asked, gate = await under_way(world, page, 100, method=method)
        gate.set()
        got = await asyncio.gather(*asked)
        assert bodies(got) == {b"" if method == "HEAD" else page.body}
        assert sum("collapsed" in one.cache_status[-1] for one in got) == 98
        assert len(page.seen()) - before == 2
    assert method == "HEAD" or set(page.seen()[1:]) == {'"1"'}


async def test_a_cold_wave_costs_the_page_once_and_a_validation(world):
    page = Page(world)
    asked, gate = await under_way(world, page, 100)
    gate.set()
    assert bodies(await asyncio.gather(*asked)) == {page.body}
    assert page.seen() == [None, '"1"']


async def test_who_comes_after_the_question_was_sent_is_not_answered_by_it(world):
    page = Page(world)
    await world.get("/a")
    first, gate = await under_way(world, page)
    page.version = 2
    late = asking(world, 10)
    await waiting(world, 10)
    gate.set()
    assert bodies(await asyncio.gather(*first)) == {b"page 1"}
    assert bodies(await asyncio.gather(*late)) == {b"page 2"}
    assert page.seen() == [None, '"1"', '"1"']


@pytest.mark.parametrize("who", ["Authorization", "Cookie"])
async def test_who_says_who_it_is_asks_for_itself(world, who):
    page = Page(world, **{"Cache-Control": "no-cache, public"})
    await world.get("/a")
    before, gate = len(page.seen()), asyncio.Event()
    page.held = [gate] * 21
    asked = [task for name in range(20) for task in asking(world, **{who: str(name)})]
    await world.origin.has_seen("/a", before + 20)
    asked += asking(world)
    await world.origin.has_seen("/a", before + 21)
    gate.set()
    assert bodies(await asyncio.gather(*asked)) == {page.body}


@pytest.mark.parametrize("who", ["Authorization", "Cookie"])
async def test_what_is_proven_to_one_who_says_who_it_is_is_not_proven_to_others(world, who):
    page = Page(world, **{"Cache-Control": "max-age=0, public"})
    await world.get("/a")
    first, gate = await under_way(world, page)
    users = asking(world, **{who: "a"})
    await waiting(world, 1)
    others = asking(world, 3)
    await waiting(world, 4)
    gate.set()
    assert bodies(await asyncio.gather(*first, *users, *others)) == {page.body}
    named = [one.get(who) for one in world.origin.seen("/a")]
    assert named[:2] == [None, None]
    assert sorted(named[2:], key=str) == [None, "a"]


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
async def test_an_order_while_a_wave_is_proven_lets_nobody_have_what_was_before_it(world, soft):
    page = Page(world, **{"Cache-Control": "no-cache"})
    await world.get("/a")
    asked, gate = await under_way(world, page, 20)
    page.version = 2
    assert (await purge(world, "url", "http://site.example/a", soft=soft))["confirmed"]
    gate.set()
    assert bodies(await asyncio.gather(*asked)) == {b"page 2"}
    assert len(page.seen()) <= 6


async def test_a_new_edition_goes_to_all_who_had_come_and_to_nobody_later(world):
    page = Page(world)
    await world.get("/a")
    asked, gate = await under_way(world, page, 20)
    second = page.hold()
    page.version, page.body_gate = 2, asyncio.Event()
    gate.set()
    await world.origin.has_seen("/a", 3)
    second.set()
    await asked[0]
    body_gate, page.version, page.body_gate = page.body_gate, 3, None
    async with asyncio.timeout(10):
        while not any(one.arriving for one in landings(world)):
            await asyncio.sleep(0.005)
    late = await asyncio.gather(*asking(world, 10))
    assert bodies(late) == {b"page 3"}
    body_gate.set()
    assert bodies(await asyncio.gather(*asked[1:])) == {b"page 2"}
    assert len(page.seen()) <= 6


def landings(world) -> list:
    flights = world.edges[0].worker.tier.collapser._in_flight.values()
    return [one.landed.result()[1] for one in flights if one.landed.done()]


async def test_what_cannot_be_asked_about_is_made_anew_for_each_without_waiting(worlds):
    async with worlds(tiers=1) as world:
        page = Page(world, **{"Cache-Control": "max-age=0, stale-if-error=60"})
        page.has_tag = False
        await world.get("/a")
        asked, gate = await under_way(world, page, 2)
        gate.set()
        await asyncio.gather(*asked)
        before, gate = len(page.seen()), asyncio.Event()
        page.held = [gate] * 10
        asked = asking(world, 10)
        await world.origin.has_seen("/a", before + 10)
        gate.set()
        assert bodies(await asyncio.gather(*asked)) == {page.body}


async def test_many_edges_share_the_validations_of_their_shield(worlds):
    async with worlds(tiers=2, edges=3) as world:
        page = Page(world)
        await asyncio.gather(*(world.get("/a", at=edge) for edge in range(3)))
        before, gate = len(page.seen()), page.hold()
        asked = [asyncio.create_task(world.get("/a", at=number % 3)) for number in range(30)]
        await world.origin.has_seen("/a", before + 1)
        async with asyncio.timeout(10):
            while sum(node.worker.tier.collapser.waiting for node in world.nodes) < 29:
                await asyncio.sleep(0.005)
        gate.set()
        assert bodies(await asyncio.gather(*asked)) == {page.body}
        assert len(page.seen()) - before <= 4
