"""The ledger: who has confirmed what and since when somebody is away, by a clock that the test holds."""

from __future__ import annotations

import asyncio

from httpcache.purge.receipts import POINTS, Ledger


def ledger(**nodes: int) -> Ledger:
    made = Ledger(7, silence=6.0)
    for name, workers in nodes.items():
        made.register(name, workers, 100.0)
    return made


def states(one: Ledger, n: int, now: float) -> dict[str, str]:
    return {worker["worker"]: worker["state"] for row in one.rows(n, now) for worker in row["workers"]}


def test_a_worker_waits_while_it_listens_is_away_when_it_is_silent_and_confirms_by_acknowledging():
    one = ledger(a=1)
    one.feed_opened("a", 0, 0, 101.0)
    assert states(one, 1, 102.0) == {"a/0": "waiting"}
    assert states(one, 1, 107.1) == {"a/0": "away"}
    one.acknowledge("a", 0, 2, 108.0)
    assert one.rows(1, 109.0) == [
        {"node": "a", "state": "confirmed", "applied_at": 108.0,
         "workers": [{"worker": "a/0", "state": "confirmed", "applied_at": 108.0}]}
    ]  # fmt: skip
    assert states(one, 3, 109.0) == {"a/0": "waiting"}


def test_a_worker_without_a_feed_is_away_since_it_was_last_heard():
    one = ledger(a=1)
    one.feed_opened("a", 0, 0, 101.0)
    one.feed_closed("a", 0, 103.0)
    assert one.rows(1, 104.0)[0]["since"] == 103.0
    one.feed_opened("a", 0, 1, 105.0)
    assert states(one, 1, 105.0) == {"a/0": "confirmed"}


def test_the_first_acknowledgement_that_covers_an_order_tells_when_it_was_applied():
    one = ledger(a=1)
    for n, at in ((1, 101.0), (3, 102.0), (3, 103.0), (9, 104.0)):
        one.acknowledge("a", 0, n, at)
    assert [one.rows(n, 105.0)[0]["applied_at"] for n in (1, 2, 3, 4)] == [101.0, 102.0, 102.0, 104.0]


def test_an_acknowledgement_never_goes_back():
    one = ledger(a=1)
    one.acknowledge("a", 0, 5, 101.0)
    one.acknowledge("a", 0, 3, 102.0)
    assert one.least() == 5


def test_what_is_remembered_of_times_is_bounded():
    one = ledger(a=1)
    for n in range(1, POINTS + 3):
        one.acknowledge("a", 0, n, 100.0 + n)
    row = one.rows(1, 1e4)[0]
    assert row["state"] == "confirmed" and "applied_at" not in row


def test_a_node_with_fewer_workers_than_before_is_waited_for_with_those_it_has():
    one = ledger(a=3)
    one.acknowledge("a", 0, 1, 101.0)
    assert one.least() == 0
    one.register("a", 1, 102.0)
    assert one.least() == 1


def test_a_restart_keeps_nodes_and_numbers_but_a_new_epoch_only_nodes():
    one = ledger(a=1, b=2)
    one.acknowledge("a", 0, 5, 101.0)
    same, other = Ledger(7, 6.0), Ledger(8, 6.0)
    for made in (same, other):
        made.restore(one.document())
    assert same.least("a") == 5 and other.least("a") == 0
    assert states(other, 1, 102.0) == {"a/0": "away", "b/0": "away", "b/1": "away"}


async def test_waiters_wake_when_the_last_worker_confirms_or_is_retired():
    one = ledger(a=1, b=1)
    all_of_it, only_a = (asyncio.create_task(one.confirmed(2, 5, node)) for node in (None, "a"))
    await asyncio.sleep(0)
    one.acknowledge("a", 0, 2, 101.0)
    assert await only_a
    assert not all_of_it.done()
    assert one.retire("b") and not one.retire("b")
    assert await all_of_it
    assert not await one.confirmed(3, 0.0)
