"""One fetch per key; every waiter is told how it ended."""

from __future__ import annotations

import asyncio

import pytest

from httpcache.fetch.collapse import Collapser, Outcome


def shared(value, gate=None):
    async def fetch(flight):
        if gate is not None:
            await gate.wait()
        return Outcome.SHARED, value

    return fetch


async def never(flight):
    raise AssertionError("a second fetch was started")


async def test_everyone_gets_what_one_fetch_brought():
    collapser, gate = Collapser(10), asyncio.Event()
    first = asyncio.ensure_future(collapser.join("k", shared("body", gate)))
    await asyncio.sleep(0)
    others = [asyncio.ensure_future(collapser.join("k", never)) for _ in range(5)]
    await asyncio.sleep(0)
    assert collapser.waiting == 5
    gate.set()
    joined = await asyncio.gather(first, *others)
    assert [(one.landing, one.led) for one in joined] == [("body", True)] + [("body", False)] * 5


async def test_a_shared_fetch_may_be_joined_until_it_is_closed():
    collapser = Collapser(10)
    first = await collapser.join("k", shared("a"))
    assert (await collapser.join("k", never)).flight is first.flight
    collapser.close("k", first.flight)
    assert (await collapser.join("k", shared("b"))).landing == "b"


async def test_closing_an_old_fetch_leaves_a_newer_one_alone():
    collapser = Collapser(10)
    first = await collapser.join("k", shared("a"))
    collapser.close("k", first.flight)
    second = await collapser.join("k", shared("b"))
    collapser.close("k", first.flight)
    assert (await collapser.join("k", never)).flight is second.flight


@pytest.mark.parametrize("outcome", [Outcome.NOT_STORABLE, Outcome.FAILED])
async def test_what_cannot_be_shared_is_not_joined_again(outcome):
    collapser = Collapser(10)

    async def fetch(flight):
        return outcome, "x"

    assert (await collapser.join("k", fetch)).outcome is outcome
    assert collapser.in_flight == 0


async def test_a_leader_that_leaves_does_not_end_the_fetch():
    collapser, gate = Collapser(10), asyncio.Event()
    leader = asyncio.ensure_future(collapser.join("k", shared("body", gate)))
    await asyncio.sleep(0)
    waiter = asyncio.ensure_future(collapser.join("k", never))
    await asyncio.sleep(0)
    leader.cancel()
    gate.set()
    assert (await waiter).landing == "body"


async def test_a_wait_too_long_is_an_outcome():
    collapser, gate = Collapser(0.01), asyncio.Event()
    leader = asyncio.ensure_future(collapser.join("k", shared("body", gate)))
    await asyncio.sleep(0)
    assert (await collapser.join("k", never)).outcome is Outcome.WAITED_TOO_LONG
    gate.set()
    await leader


async def test_an_error_reaches_every_waiter_and_frees_the_key():
    collapser, gate = Collapser(10), asyncio.Event()

    async def fetch(flight):
        await gate.wait()
        raise ValueError("broken")

    asked = [asyncio.ensure_future(collapser.join("k", fetch)) for _ in range(3)]
    await asyncio.sleep(0)
    gate.set()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, ValueError) for one in results)
    assert collapser.in_flight == 0


def test_keys_are_kept_apart_for_a_bounded_time_and_number():
    collapser = Collapser(10, remembered=2)
    for index, key in enumerate("abc"):
        collapser.keep_apart(key, 10.0 + index)
    assert [collapser.is_apart(key, 11.0) for key in "abc"] == [False, False, True]
    assert not collapser.is_apart("c", 12.0)
