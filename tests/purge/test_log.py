"""The log: numbered without gaps, durable, compacted; a token is used once, also after a restart."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from httpcache.purge.log import KEPT_TOKENS, Logged, PurgeLog, Received, Token, Wish
from httpcache.purge.log_door import LogDoor
from httpcache.purge.orders import Kind, Order

NOW = 1_700_000_000.0


def wish(name: str, jti: str | None = None, at: float = NOW, exp: float = NOW + 60) -> Wish:
    return Wish((Order(Kind.TAG, (name,)),), "alice", jti or f"jti-{name}", exp, at)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "purge" / "log.db"


def test_orders_are_numbered_and_there_after_reopening(path):
    log = PurgeLog(path, NOW)
    assert [one.n for run in log.append([wish("a"), wish("b")]) for one in run] == [1, 2]
    log.close()
    again = PurgeLog(path, NOW + 1e6)
    assert (again.epoch, again.start, again.newest) == (log.epoch, 1, 2)
    assert [logged.order.targets for logged in again.after(0, 10)] == [("a",), ("b",)]
    assert again.append([wish("c")])[0][0].n == 3


def test_a_token_is_used_once_also_after_reopening_until_it_has_expired(path):
    log = PurgeLog(path, NOW)
    assert log.append([wish("a", "same"), wish("b", "same")])[1] == ()
    log.close()
    again = PurgeLog(path, NOW)
    assert again.append([wish("c", "same")]) == [()]
    assert again.newest == 1
    again.compact(NOW + 61, 1e9, 10)
    assert again.append([wish("c", "same")]) == [()]  # the clock may be set back to when it was good
    again.compact(NOW + 61 + KEPT_TOKENS, 1e9, 10)
    assert again.append([wish("c", "same")])[0][0].n == 2


def test_the_epoch_of_a_log_made_anew_is_larger(tmp_path):
    one, two = PurgeLog(tmp_path / "1", NOW), PurgeLog(tmp_path / "2", NOW + 1)
    assert 0 < one.epoch < two.epoch < 2**53


def test_a_log_that_cannot_be_written_numbers_nothing(path):
    log = PurgeLog(path, NOW)
    log._database.execute("PRAGMA query_only = 1")
    with pytest.raises(sqlite3.Error):
        log.append([wish("a")])
    log._database.execute("PRAGMA query_only = 0")
    assert log.append([wish("a")])[0][0].n == 1


COMPACTIONS = [
    ("nothing to drop", 100, 10, [1, 2, 3, 4], 1),
    ("by count", 100, 2, [3, 4], 3),
    ("by age", 15, 10, [3, 4], 3),
    ("all of them are old", 1, 10, [], 5),
]


@pytest.mark.parametrize(
    ("age", "count", "left", "start"), [c[1:] for c in COMPACTIONS], ids=[c[0] for c in COMPACTIONS]
)
def test_compaction_by(path, age, count, left, start):
    log = PurgeLog(path, NOW)
    log.append([wish(str(number), at=NOW - 40 + 10 * number) for number in range(1, 5)])
    log.compact(NOW + 5, age, count)
    assert [logged.n for logged in log.after(0, 10)] == left
    log.close()
    again = PurgeLog(path, NOW)
    assert (again.start, again.newest) == (start, 4)
    assert again.append([wish("next")])[0][0].n == 5


async def test_orders_that_wait_are_written_together_and_announced_in_order(path):
    announced: list[int] = []
    door = LogDoor(path, lambda _, orders: announced.extend(logged.n for logged in orders))
    await door.open(NOW)
    made = await asyncio.gather(*(door.append(wish(str(number))) for number in range(50)))
    assert [run[0].n for run in made] == announced == list(range(1, 51))
    await door.close()


async def test_a_failing_disk_is_told_to_whoever_waits_and_the_next_order_is_tried(path):
    door = LogDoor(path, lambda *_: None)
    await door.open(NOW)
    await door.run(door.log._database.execute, "PRAGMA query_only = 1")
    with pytest.raises(sqlite3.Error):
        await door.append(wish("a"))
    await door.run(door.log._database.execute, "PRAGMA query_only = 0")
    assert (await door.append(wish("a")))[0].n == 1
    await door.close()


def test_orders_under_one_token_are_numbered_one_by_one_and_all_in_the_log_or_none(path):
    log = PurgeLog(path, NOW)
    batch = Wish(tuple(Order(Kind.TAG, (name,)) for name in "abc"), "alice", "one-token", NOW + 60, NOW)
    assert [logged.n for logged in log.append([batch])[0]] == [1, 2, 3]
    assert log.append([batch, wish("d")]) == [(), tuple(log.after(3, 10))]
    assert [logged.order.targets for logged in log.after(0, 10)] == [("a",), ("b",), ("c",), ("d",)]


def test_what_is_read_at_once_is_bounded_by_its_octets_and_is_one_order_at_least():
    log = PurgeLog(None, NOW)
    log.append([Wish((Order(Kind.TAG, ("x" * 1000,)),) * 20, "a", "j", NOW + 60, NOW)])
    assert [one.n for one in log.after(0, 100, 3500)] == [1, 2, 3]
    assert [one.n for one in log.after(3, 100, 10)] == [4]
    assert len(log.after(0, 100)) == 20


def test_a_message_of_a_mirrored_log_is_taken_once_by_its_token_also_after_reopening_but_anew_in_a_new_epoch(
    path,
):
    token = Token("alice", "jti-1", NOW + 60)

    def message(n: int) -> Received:
        instead = Logged(n, Order(Kind.TAG, ()), "?", NOW)
        return Received((Logged(n, Order(Kind.TAG, ("a",)), "alice", NOW),), token, (instead,))

    log = PurgeLog(path, NOW)
    log.follow(7, 1)
    assert [one.who for one in log.take([message(1), message(2)])] == ["alice", "?"]
    log.close()
    again = PurgeLog(path, NOW)
    assert [one.who for one in again.take([message(3)])] == ["?"] and again.newest == 3
    assert [one.order.targets for one in again.after(0, 10)] == [("a",), (), ()]
    again.follow(8, 1)
    assert [one.who for one in again.take([message(1)])] == ["alice"]
