"""Octets from before a purge order and from after it are never put together, not even where their tags are the same."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenarios.ranged import SEGMENT, Large
from tests.scenarios.test_purge import purge
from tests.scenarios.test_resuming import received, until

SHAPE = {
    "store": {"ram": "1MiB", "disk": "64MiB", "segment": "64KiB"},
    "fetch": {"whole_up_to": "128KiB", "down_for": 0.01},
}
ORDERS = [("url", ["http://site.example/large"]), ("tag", ["film"])]


@pytest.fixture(params=[1, 2], ids=["one tier", "two tiers"])
async def cdn(request, worlds):
    async with worlds(tiers=request.param, **SHAPE) as world:
        yield world


@pytest.fixture
def film(cdn) -> Large:
    """An origin that gives every version the same strong tag: nothing but the order tells them apart."""
    resource = Large(same_tag=True, cache_control="max-age=600")
    cdn.origin.does("/large", resource)
    return resource


def piece(index: int) -> str:
    return f"bytes={index * SEGMENT}-{index * SEGMENT + 9}"


async def at_rest(cdn) -> None:
    for node in cdn.nodes:
        await node.worker.transactions.drain()


async def replaced(cdn, film, order=ORDERS[0]) -> None:
    """A new version, and an order that wants the old one gone, applied everywhere."""
    film.version = 2
    assert (await purge(cdn, order[0], *order[1]))["confirmed"]


@pytest.mark.parametrize("order", ORDERS, ids=["url", "tag"])
async def test_a_piece_from_before_an_order_is_not_added_to_pieces_after_it(cdn, film, order):
    for index in (0, 1, 4):
        await cdn.get("/large", Range=piece(index))
        await at_rest(cdn)
    await replaced(cdn, film, order)
    for index in (2, 1):
        got = await cdn.get("/large", Range=piece(index))
        assert got.body == film.body[index * SEGMENT : index * SEGMENT + 10]
        await at_rest(cdn)
    got = await cdn.get("/large")
    assert (got.status, got.body) == (200, film.body)


async def test_a_piece_under_way_when_an_order_comes_is_not_added_to_pieces_after_it(cdn, film):
    await cdn.get("/large", Range=piece(0))
    await at_rest(cdn)
    film.body_gate = gate = asyncio.Event()
    old = film.body
    under_way = asyncio.create_task(received(cdn, f"Range: bytes={SEGMENT}-{2 * SEGMENT - 1}\r\n"))
    await until(lambda: len(film.asked) == 2)
    film.body_gate = None
    await replaced(cdn, film)
    got = await cdn.get("/large", Range=piece(2))
    assert got.body == film.body[2 * SEGMENT : 2 * SEGMENT + 10]
    gate.set()
    came = await under_way
    assert old[SEGMENT : 2 * SEGMENT].startswith(came) or came == film.body[SEGMENT : 2 * SEGMENT]
    await at_rest(cdn)
    got = await cdn.get("/large")
    assert (got.status, got.body) == (200, film.body)


async def test_an_answer_of_pieces_that_an_order_meets_under_way_ends_there(cdn, film):
    old = film.body
    gate = asyncio.Event()

    def hold(_):
        film.body_gate = gate if len(film.asked) == 2 else None

    film.hook = hold
    asked = asyncio.create_task(received(cdn, f"Range: bytes=0-{8 * SEGMENT - 1}\r\n"))
    await until(lambda: len(film.asked) == 4)  # one ahead of the third, whose end is held back
    await replaced(cdn, film)
    gate.set()
    got = await asked
    assert len(got) < 8 * SEGMENT
    assert old.startswith(got)
    await at_rest(cdn)
    assert (await cdn.get("/large")).body == film.body


async def test_a_body_that_breaks_off_after_an_order_does_not_go_on(cdn, film):
    old = film.body
    film.cuts = [100_000]
    film.body_gate = gate = asyncio.Event()
    asked = asyncio.create_task(received(cdn))
    await until(lambda: len(film.asked) == 1)
    film.body_gate = None
    await replaced(cdn, film)
    gate.set()
    got = await asked
    assert got == old[:100_000] or got == film.body
    await at_rest(cdn)
    assert (await cdn.get("/large")).body == film.body
