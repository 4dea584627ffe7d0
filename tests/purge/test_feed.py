"""Keeper and followers: what is ordered is applied everywhere, whatever is restarted, and the receipt says so."""

from __future__ import annotations

import asyncio
import json

import pytest

from httpcache.messages import Fields, PurgeMark, StoredResponse
from httpcache.purge.follower import Follower
from httpcache.purge.watermarks import Watermarks
from httpcache.rules.decisions import Standing
from tests.purge.nodes import Admin, follower, until


def stored(mark: PurgeMark, tag: str = "news", uri: str = "h.example/a") -> StoredResponse:
    return StoredResponse("k", uri, 200, "", Fields(), 0.0, 0.0, tags=(tag,), mark=mark)


async def test_an_order_is_confirmed_by_every_worker_and_purges_there(admin, edge):
    held = stored(edge.watermarks.mark)
    assert edge.watermarks.standing(held) is Standing.GOOD
    receipt = await admin.order("tag", "news")
    assert receipt["confirmed"]
    assert [row["node"] for row in receipt["nodes"]] == ["edge-1", "keeper"]
    assert {worker["state"] for row in receipt["nodes"] for worker in row["workers"]} == {"confirmed"}
    assert edge.watermarks.standing(held) is Standing.GONE
    assert edge.watermarks.standing(stored(edge.watermarks.mark)) is Standing.GOOD


async def test_names_are_made_those_of_stored_responses(admin, edge):
    held = stored(edge.watermarks.mark)
    await admin.order("url", "HTTPS://H.Example:443/a", soft=True)
    assert edge.watermarks.standing(held) is Standing.SOFT


async def test_what_was_ordered_while_an_edge_was_away_is_applied_when_it_is_back(admin, tmp_path):
    one = follower(admin, tmp_path / "e", "edge-2")
    await one.start()
    held = stored(one.watermarks.mark)
    await one.close()
    receipt = await admin.order("tag", "news", wait=0.05)
    assert not receipt["confirmed"]
    assert next(row for row in receipt["nodes"] if row["node"] == "edge-2")["state"] in ("away", "waiting")
    back = follower(admin, tmp_path / "e", "edge-2")
    assert back.watermarks.standing(held) is Standing.UNPROVEN
    await back.start()
    assert back.watermarks.standing(held) is Standing.GONE
    assert await admin.keeper.ledger.confirmed(receipt["n"], 5)
    await back.close()


async def test_a_restarted_worker_resurrects_nothing(admin, edge, tmp_path):
    held = stored(edge.watermarks.mark)
    await admin.order("tag", "news")
    again = Follower(edge._settings, tmp_path / "edge-1", 0, Watermarks(1000))
    await again.start()
    assert again.watermarks.standing(held) is Standing.GONE
    await again.close()


async def test_a_keeper_that_restarts_is_followed_again(admin, edge):
    held = stored(edge.watermarks.mark)
    first = await admin.order("tag", "other")
    await admin.stop()
    await admin.start()
    receipt = await admin.order("tag", "news")
    assert receipt["confirmed"] and receipt["n"] == first["n"] + 1 and receipt["epoch"] == first["epoch"]
    assert edge.watermarks.standing(held) is Standing.GONE


async def test_a_log_that_is_lost_is_a_new_epoch_in_which_all_is_unproven(admin, edge):
    held = stored(edge.watermarks.mark)
    await admin.order("tag", "other")
    await admin.stop()
    for path in (admin.folder / "purge").glob("log.db*"):
        path.unlink()
    await admin.start()
    epoch = admin.keeper.door.log.epoch
    await until(lambda: edge.watermarks.mark.epoch == epoch and edge.is_following)
    assert edge.watermarks.standing(held) is Standing.UNPROVEN
    assert edge.watermarks.standing(stored(edge.watermarks.mark)) is Standing.GOOD
    assert (await admin.order("tag", "news"))["confirmed"]
    assert edge.watermarks.standing(held) is Standing.GONE


async def test_an_edge_that_missed_trimmed_orders_proves_nothing_it_held(admin, tmp_path):
    one = follower(admin, tmp_path / "e", "edge-2")
    await one.start()
    held = stored(one.watermarks.mark, "another")
    await one.close()
    for _ in range(3):
        await admin.order("tag", "news", wait=0)
    log = admin.keeper.door.log
    await admin.keeper.door.run(log.compact, 0.0, 1e9, 1)
    assert log.start == 3
    back = follower(admin, tmp_path / "e", "edge-2")
    await back.start()
    assert back.watermarks.mark == PurgeMark(log.epoch, 3)
    assert back.watermarks.standing(held) is Standing.UNPROVEN
    assert back.watermarks.standing(stored(back.watermarks.mark)) is Standing.GOOD
    await back.close()


async def test_many_orders_at_once_are_all_applied_in_order(admin, edge):
    receipts = await asyncio.gather(*(admin.order("tag", f"t{number}") for number in range(40)))
    assert sorted(receipt["n"] for receipt in receipts) == list(range(1, 41))
    assert all(receipt["confirmed"] for receipt in receipts)
    assert edge.watermarks.mark.n == 40


async def test_workers_of_one_node_share_what_is_durable(admin, tmp_path):
    both = [follower(admin, tmp_path / "e", "edge-2", index, workers=2) for index in (0, 1)]
    for one in both:
        await one.start()
    receipt = await admin.order("everything")
    workers = next(row for row in receipt["nodes"] if row["node"] == "edge-2")["workers"]
    assert receipt["confirmed"]
    assert [worker["worker"] for worker in workers] == ["edge-2/0", "edge-2/1"]
    for one in both:
        await one.close()


async def test_a_worker_that_has_never_connected_is_named_and_waited_for(admin, tmp_path):
    one = follower(admin, tmp_path / "e", "edge-2", 0, workers=2)
    await one.start()
    assert not (await admin.order("everything", wait=0.05))["confirmed"]
    await one.close()


async def test_an_edge_that_is_away_is_still_named_after_the_keeper_restarts(admin, edge):
    await edge.close()
    await admin.stop()
    await admin.start()
    receipt = await admin.order("tag", "news", wait=0.05)
    row = next(row for row in receipt["nodes"] if row["node"] == "edge-1")
    assert row["state"] == "away" and row["since"] > 0
    assert not receipt["confirmed"]


async def test_a_node_that_is_retired_is_named_no_longer(admin, edge):
    await edge.close()
    assert await admin.keeper.retire("edge-1")
    receipt = await admin.order("tag", "news")
    assert receipt["confirmed"] and [row["node"] for row in receipt["nodes"]] == ["keeper"]


@pytest.mark.slow
async def test_a_cut_longer_than_the_limit_leaves_nothing_proven_until_it_ends(admin, tmp_path):
    one = follower(admin, tmp_path / "e", "edge-2", purge={"lag_limit": 0.3})
    await one.start()
    held = stored(one.watermarks.mark)
    assert one.watermarks.standing(held) is Standing.GOOD
    await admin.stop()
    await until(lambda: one.watermarks.standing(held) is Standing.CUT_OFF)
    await admin.start()
    await until(lambda: one.watermarks.standing(held) is Standing.GOOD)
    await one.close()


async def test_a_request_waits_until_the_log_is_followed_as_far_as_its_mark(admin, edge):
    mark = PurgeMark(edge.watermarks.mark.epoch, 1)
    waiting = asyncio.create_task(edge.reached(mark, 5))
    assert not await edge.reached(mark, 0.01)
    await admin.order("tag", "news")
    assert await waiting


async def test_a_mark_that_somebody_has_made_up_keeps_nobody_from_waiting_for_a_true_one(admin, edge):
    epoch = edge.watermarks.mark.epoch
    lie, true = PurgeMark(epoch, 99_999_999), PurgeMark(epoch, 1)
    await until(lambda: edge.is_following)
    assert not await edge.reached(lie, 0.01)
    waiting = asyncio.create_task(edge.reached(true, 5))
    async with asyncio.timeout(5):  # who made it up does not wait again
        assert not await edge.reached(lie, 60)
    await asyncio.sleep(0)
    assert not waiting.done()
    await admin.order("tag", "news")
    assert await waiting


async def test_nobody_waits_for_what_is_beyond_a_mark_that_did_not_come(admin, edge):
    mark = edge.watermarks.mark
    await edge.close()  # no progress from here on
    assert not await edge.reached(PurgeMark(mark.epoch, 5), 0.01)
    assert not await edge.reached(PurgeMark(mark.epoch, 3), 0.01)
    async with asyncio.timeout(5):
        for n in (3, 4, 5, 6):
            assert not await edge.reached(PurgeMark(mark.epoch, n), 60)


async def test_a_second_node_of_the_same_name_is_refused(admin, edge, tmp_path):
    other = follower(admin, tmp_path / "other", "edge-1")
    task = asyncio.create_task(other.start())
    await until(lambda: "another key" in other._complaint)
    assert not other.is_following
    task.cancel()
    await other.close()


async def test_a_node_that_is_not_on_file_is_refused_where_enrolment_is_off(tmp_path):
    admin = await Admin(tmp_path / "keeper", purge={"enrol": "never"}).start()
    one = follower(admin, tmp_path / "e", "edge-2")
    task = asyncio.create_task(one.start())
    await until(lambda: "nodes' file" in one._complaint)
    keys = json.loads((tmp_path / "keeper" / "keys" / "operators.jwks").read_text())
    assert keys["keys"]
    task.cancel()
    await one.close()
    await admin.stop()


async def test_a_keeper_with_another_key_is_not_followed(admin, edge):
    await admin.stop()
    (admin.folder / "keys" / "node.key").unlink()
    await admin.start()
    await until(lambda: "another key than before" in edge._complaint)


@pytest.mark.parametrize("restarts", [3])
@pytest.mark.slow
async def test_restarts_in_any_order_lose_nothing(admin, tmp_path, restarts):
    held = []
    for number in range(restarts):
        one = follower(admin, tmp_path / "e", "edge-2")
        await one.start()
        held.append((f"t{number}", one.watermarks.mark))
        await admin.order("tag", f"t{number}", wait=0)
        await one.close()
        await admin.stop()
        await admin.start()
    back = follower(admin, tmp_path / "e", "edge-2")
    await back.start()
    await back.reached(PurgeMark(admin.keeper.door.log.epoch, restarts), 5)
    assert {back.watermarks.standing(stored(mark, tag)) for tag, mark in held} == {Standing.GONE}
    await back.close()


async def test_a_log_that_is_trimmed_while_a_follower_is_read_to_skips_nothing(admin, tmp_path):
    away = follower(admin, tmp_path / "e", "edge-2")
    await away.start()
    held = stored(away.watermarks.mark)
    await away.close()
    for tag in ("news", "b", "c"):
        await admin.order("tag", tag, wait=0)
    log = admin.keeper.door.log
    after = log.after

    def trimmed_before(*which):
        log.compact(0.0, 1e9, 1)
        return after(*which)

    admin.keeper.feed._tail.clear()  # it is read from disk, as what was long ago
    log.after = trimmed_before
    back = follower(admin, tmp_path / "e", "edge-2")
    await back.start()
    assert back.watermarks.mark == log.end
    assert back.watermarks.standing(held) is Standing.UNPROVEN
    await back.close()
