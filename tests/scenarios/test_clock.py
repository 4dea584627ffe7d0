"""Plays of clocks that are set back or forward: nothing is given for fresh that may not be."""

from __future__ import annotations

import pytest

FIELDS = {"Cache_Control": "max-age=60", "ETag": '"1"'}


async def test_what_was_stored_before_the_clock_was_set_back_is_validated_once(world):
    world.origin.answers("/a", b"x", **FIELDS)
    await world.get("/a")
    world.pass_time(-3600)
    got = await world.get("/a")
    assert (got.body, ";hit" in got.cache_status[-1]) == (b"x", False)
    assert world.origin.seen("/a")[-1].get("If-None-Match") == '"1"'
    assert ";hit" in (await world.get("/a")).cache_status[-1]
    assert len(world.origin.seen("/a")) == 2


async def test_a_clock_that_was_set_back_serves_no_old_version(world):
    world.origin.answers("/a", b"old", **FIELDS)
    await world.get("/a")
    world.origin.answers("/a", b"new", Cache_Control="max-age=60", ETag='"2"')
    world.pass_time(-100)
    assert (await world.get("/a")).body == b"new"


async def test_a_clock_that_is_set_forward_makes_everything_stale_and_back_again_nothing_fresh(world):
    world.origin.answers("/a", b"x", **FIELDS)
    await world.get("/a")
    for step in (86_400, -86_400, 30):
        world.pass_time(step)
        assert (await world.get("/a")).body == b"x"
    assert (
        len(world.origin.seen("/a")) == 3
    )  # the last step is within what the answer after the second is good for


@pytest.mark.parametrize("step", [-3600, 3600])
async def test_clocks_of_two_tiers_need_not_agree(worlds, step):
    async with worlds(tiers=2) as world:
        world.edges[0].clock[0] += step
        world.origin.answers("/a", b"x", **FIELDS)
        for _ in range(3):
            assert (await world.get("/a")).body == b"x"
        world.pass_time(61)
        assert ";hit" not in (await world.get("/a")).cache_status[-1]
