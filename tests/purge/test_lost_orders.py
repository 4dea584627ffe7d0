"""A log that has lost orders (restored from a backup): it begins a new epoch, and no order is lost in silence."""

from __future__ import annotations

import shutil

import pytest

from httpcache import clock
from httpcache.messages import PurgeMark
from httpcache.purge.applied import applied_mark
from httpcache.purge.keys import node_key
from httpcache.purge.log import PurgeLog
from httpcache.purge.tokens import node_token
from httpcache.rules.decisions import Standing
from tests.purge.asking import ask
from tests.purge.nodes import Admin, follower, until
from tests.purge.test_feed import stored

FILES = {
    "the log alone": ["log.db"],
    "the log and what the keeper knows of others": ["log.db", "workers.json"],
    "all that the keeper has": ["log.db", "workers.json", "applied.db"],
}


def copy(names: list[str], source, target) -> None:
    for name in names:
        for path in target.glob(f"{name}*"):
            path.unlink()
        for path in source.glob(f"{name}*"):
            shutil.copy(path, target / path.name)


@pytest.mark.parametrize("names", FILES.values(), ids=FILES.keys())
async def test_a_log_from_a_backup_begins_a_new_epoch_in_which_new_orders_hold(tmp_path, names):
    admin = await Admin(tmp_path / "keeper", purge={"heartbeat": 0.2}).start()
    own, edge = follower(admin, admin.folder, "keeper"), follower(admin, tmp_path / "edge-1", "edge-1")
    both = [own, edge]
    for one in both:
        await one.start()
    await admin.order("tag", "a")
    for one in both:
        await one.close()
    await admin.stop()
    purge, backup = admin.folder / "purge", tmp_path / "backup"
    backup.mkdir()
    copy(names, purge, backup)
    await admin.start()
    both = [follower(admin, admin.folder, "keeper"), follower(admin, tmp_path / "edge-1", "edge-1")]
    for one in both:
        await one.start()
    for tag in "bcdef":
        last = await admin.order("tag", tag)
    held = stored(both[1].watermarks.mark)
    for one in both:
        await one.close()
    await admin.stop()
    copy(names, backup, purge)
    await admin.start()
    both = [follower(admin, admin.folder, "keeper"), follower(admin, tmp_path / "edge-1", "edge-1")]
    for one in reversed(both):
        await one.start()
    await until(lambda: all(one.is_following for one in both))
    assert admin.keeper.door.log.epoch > last["epoch"]
    assert {one.watermarks.standing(held) for one in both} == {Standing.UNPROVEN}
    receipt = await admin.order("tag", "news")
    assert receipt["confirmed"]
    assert {one.watermarks.standing(held) for one in both} == {Standing.GONE}
    assert both[1].watermarks.standing(stored(both[1].watermarks.mark)) is Standing.GOOD
    for one in both:
        await one.close()
    await admin.stop()


def asking_for(tmp_path, after, claimed=None):
    """The token of a worker that says how far it is."""
    key = node_key(tmp_path / "liar", "liar")
    return node_token(key, b"", clock.now(), nonce="n", after=claimed or after)


async def feed(admin, tmp_path, after, claimed=None):
    (tmp_path / "liar").mkdir(exist_ok=True)
    url = f"{admin.url}/v1/feed?after={after}"
    return await ask("GET", url, asking_for(tmp_path, after, claimed))


async def test_no_node_makes_the_log_begin_anew_twice_or_in_a_far_future(admin, edge, tmp_path):
    log = admin.keeper.door.log
    far = 10**15 - 1
    assert await feed(admin, tmp_path, f"{far}.1") == (
        409,
        {"error": "log-behind", "reason": "The log has lost orders that the node has applied."},
    )
    first = log.epoch
    assert await admin.keeper.goes_on_from(PurgeMark(first, 5), "edge-9")
    second = log.epoch
    assert second > first
    assert (await feed(admin, tmp_path, f"{second}.7"))[0] == 409
    assert log.epoch == second
    await until(lambda: edge.watermarks.mark.epoch == second and edge.is_following)
    assert (await admin.order("tag", "news"))["confirmed"]


async def test_what_a_token_does_not_say_makes_nothing_begin_anew(admin, tmp_path):
    log, before = admin.keeper.door.log, admin.keeper.door.log.epoch
    admin.keeper.feed.close()  # an accepted feed ends at once
    (tmp_path / "liar").mkdir()
    url = f"{admin.url}/v1/feed?after={before}.9"
    assert (await ask("GET", url, asking_for(tmp_path, f"{before}.9", f"{before}.0")))[0] == 200
    assert log.epoch == before and admin.keeper.ledger.least("liar") == 0


def test_a_log_that_begins_anew_has_no_orders_and_goes_on_with_its_numbers(tmp_path):
    log = PurgeLog(tmp_path / "log.db", 1000.0)
    log.renew(1000.0, beyond=10**12)
    assert log.epoch == 10**12 + 1 and (log.start, log.newest) == (1, 0) and log.after(0, 10) == []
    again = PurgeLog(tmp_path / "log.db", 2000.0)
    assert again.epoch == log.epoch


def test_what_a_node_has_applied_is_nothing_where_it_cannot_be_read(tmp_path):
    (tmp_path / "rubbish.db").write_bytes(b"rubbish" * 1000)
    assert applied_mark(tmp_path / "none.db") == applied_mark(tmp_path / "rubbish.db") == PurgeMark()
    assert not (tmp_path / "none.db").exists()
