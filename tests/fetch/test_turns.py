"""Turns at a next hop: no more than allowed, in order, and none is ever lost."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.fetch.failures import NextHopError
from httpcache.fetch.turns import Turns


async def test_those_who_wait_get_their_turn_in_order():
    turns, order = Turns(1, 10), []
    await turns.take("a")

    async def wait(name: int) -> None:
        await turns.take("a")
        order.append(name)
        turns.give("a")

    waiting = [asyncio.create_task(wait(name)) for name in range(5)]
    await asyncio.sleep(0)
    turns.give("a")
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2, 3, 4]
    assert turns.taken("a") == 0


async def test_one_server_does_not_wait_for_another():
    turns = Turns(1, 0.01)
    await turns.take("a")
    await turns.take("b")
    with pytest.raises(NextHopError, match="connection_limit_reached"):
        await turns.take("a")


@given(st.lists(st.sampled_from(["take", "give", "cancel", "step"]), max_size=60), st.integers(1, 3))
def test_no_turn_is_lost_or_given_twice(acts, most):
    async def play() -> None:
        turns, tasks = Turns(most, 10), []
        for act in acts:
            mine = [task for task in tasks if task.done() and not task.cancelled()]
            if act == "take":
                tasks.append(asyncio.create_task(turns.take("a")))
            elif act == "give" and mine:
                tasks.remove(mine[0])
                turns.give("a")
            elif act == "cancel" and tasks:
                tasks[-1].cancel()
            await asyncio.sleep(0)
            holding = sum(task.done() and not task.cancelled() for task in tasks)
            assert holding <= turns.taken("a") <= most
        for _ in range(200):
            for task in [one for one in tasks if one.done()]:
                tasks.remove(task)
                if not task.cancelled():
                    turns.give("a")
            await asyncio.sleep(0)
        assert tasks == []
        assert turns.taken("a") == 0

    asyncio.run(play())
