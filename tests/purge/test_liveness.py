"""A feed that falls silent is left, connecting again is paced, and acknowledgements that gather are told as one."""

from __future__ import annotations

import asyncio

import pytest

from httpcache.purge import follower as follower_module
from httpcache.purge.follower import LONGEST_PAUSE, SHORTEST_PAUSE
from httpcache.purge.teller import Teller
from tests.purge.nodes import Admin, follower, until


@pytest.mark.slow
async def test_a_feed_that_falls_silent_is_left_for_a_new_one(admin, tmp_path):
    feed, connections = admin.keeper.feed, []
    write_lines = feed._write_lines

    async def silent_at_first(response, after, nonce, waker, has_ended):
        if after.epoch == admin.keeper.door.log.epoch:  # before, it only hears where to begin
            connections.append(nonce)
            if len(connections) == 1:
                await feed._write(response, feed._line(0, nonce, after.n, ()))
                await asyncio.Event().wait()
        await write_lines(response, after, nonce, waker, has_ended)

    feed._write_lines = silent_at_first
    one = follower(admin, tmp_path / "e", "edge-2")
    await one.start()
    await until(lambda: len(connections) == 2, 20)
    assert connections[0] != connections[1]
    assert (await admin.order("tag", "news"))["confirmed"]
    await one.close()


class Shares:
    """Stands for `random`: tells how long pauses would have been, and makes them none."""

    def __init__(self):
        self.pauses, self.shares = [], set()

    def uniform(self, least, most):
        self.shares.add((least, most))
        pauses = self.pauses

        class Share(float):
            def __rmul__(self, pause):
                pauses.append(pause)
                return 0.0

        return Share(1.0)


async def test_pauses_double_up_to_a_limit_are_shortened_at_random_and_begin_anew_after_success(
    tmp_path, monkeypatch
):
    shares = Shares()
    monkeypatch.setattr(follower_module, "random", shares)
    admin = Admin(tmp_path / "keeper", purge={"heartbeat": 0.2})
    one = follower(admin, tmp_path / "e", "edge-1")
    starting = asyncio.create_task(one.start())
    await until(lambda: len(shares.pauses) > 9, 20)
    assert shares.pauses[:9] == [min(LONGEST_PAUSE, SHORTEST_PAUSE * 2**number) for number in range(9)]
    assert shares.shares == {(0.5, 1)}
    await admin.start()
    await starting
    await until(lambda: one.is_following, 20)
    before = len(shares.pauses)
    await admin.stop()
    await until(lambda: len(shares.pauses) > before + 1, 20)
    assert shares.pauses[before] == SHORTEST_PAUSE
    await one.close()


async def test_what_is_applied_while_an_acknowledgement_is_under_way_is_told_by_the_next(
    admin, edge, monkeypatch
):
    gate, told, tell = asyncio.Event(), [], Teller.tell

    async def held(self, path, make):
        if make.func.__self__ is edge._following:
            told.append(path)
            await gate.wait()
        await tell(self, path, make)

    monkeypatch.setattr(Teller, "tell", held)
    orders = 60
    for number in range(orders):
        await admin.order("tag", f"t{number}", wait=0)
    await until(lambda: edge.watermarks.mark.n == orders)
    assert not await admin.keeper.ledger.confirmed(orders, 0.01, "edge-1")
    assert len(told) == 1
    gate.set()
    assert await admin.keeper.ledger.confirmed(orders, 5, "edge-1")
    assert len(told) <= 3
