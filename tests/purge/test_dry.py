"""Dry orders: counted by every worker that follows, applied by none."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache import clock
from httpcache.purge.batches import is_dry, parse_orders
from httpcache.purge.client import OrderRefused, send_order
from httpcache.purge.keys import load_private_key, node_key
from httpcache.purge.matches import Answer, Matches, in_node, read_answer
from httpcache.purge.orders import Kind, Order
from httpcache.purge.problems import Problem
from httpcache.purge.rights import Rights
from httpcache.purge.tokens import node_token
from tests.purge.asking import ask, signed
from tests.purge.nodes import follower, until

DRY = {"kind": "tag", "targets": ["a"], "dry": True}
BODY = json.dumps(DRY).encode()


@pytest.fixture
def key(admin):
    return load_private_key(admin.folder / "keys" / "operator.key")


def counts(matches, seen=None):
    """Stands where a worker counts."""

    async def count(orders):
        if seen is not None:
            seen.extend(orders)
        return matches

    return count


BODIES = [
    ("dry, where it is counted", DRY, True, None),
    ("dry, where it would be applied", DRY, False, "order-dry"),
    ("not dry, where it is counted", {**DRY, "dry": False}, True, "order-dry"),
    ("a dry batch", {"orders": [{"kind": "everything"}], "dry": True}, True, None),
    ("a dry batch, where it would be applied", {"orders": [{"kind": "everything"}], "dry": True}, False, "order-dry"),
    ("a batch with one that is dry", {"orders": [{"kind": "everything", "dry": True}]}, False, "order-malformed"),
    ("dry as a number", {**DRY, "dry": 1}, False, "order-malformed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "dry", "error"), [row[1:] for row in BODIES], ids=[r[0] for r in BODIES]
)
def test_a_dry_order_is_never_taken_for_one_that_is_applied(document, dry, error):
    parsed = parse_orders(json.dumps(document).encode(), 10, 10, dry=dry)
    assert (parsed.error if isinstance(parsed, Problem) else None) == error


@given(st.sampled_from([b"true", b"false", b"1", b"null"]), st.sampled_from([b"true", b"false"]))
def test_a_member_that_is_there_twice_fools_nobody(first, second):
    body = b'{"kind":"everything","dry":%s,"dry":%s}' % (first, second)
    applied = not isinstance(parse_orders(body, 10, 10), Problem)
    assert not (applied and is_dry(body))


async def test_every_worker_counts_and_nothing_is_applied(admin, edge, tmp_path, key):
    seen = []
    own = follower(admin, tmp_path / "edge-2", "edge-2", workers=2)
    other = follower(admin, tmp_path / "edge-2", "edge-2", 1, workers=2)
    own.count, other.count = counts(Matches(3, 10)), counts(Matches(4))
    edge.count = counts(Matches(2, None, exact=False), seen)
    admin.own.count = counts(Matches(0, 0))
    for one in (own, other):
        await one.start()
    told = await send_order(admin.url, key, DRY, 10.0)
    for one in (own, other):
        await one.close()
    rows = {row["node"]: (row["state"], row["matched"], row["exact"]) for row in told["nodes"]}
    assert rows == {
        "edge-1": ("counted", 2, False),
        "edge-2": ("counted", 10, True),
        "keeper": ("counted", 0, True),
    }
    assert (told["matched"], told["complete"]) == (12, True)
    assert seen == [Order(Kind.TAG, ("a",))]
    assert admin.keeper.door.log.newest == edge.watermarks.mark.n == 0


async def test_a_node_that_is_away_or_does_not_answer_is_named(admin, edge, key):
    await edge.close()
    await until(lambda: not admin.keeper.ledger.following()["edge-1"])
    told = await send_order(admin.url, key, DRY, 0.1)
    assert {row["node"]: row["state"] for row in told["nodes"]} == {"edge-1": "away", "keeper": "late"}
    assert not told["complete"]


async def test_questions_take_turns_and_an_old_answer_does_not_count(admin, edge, key):
    edge.count, admin.own.count = counts(Matches(1)), counts(Matches(0))
    asked = [send_order(admin.url, key, {**DRY, "targets": [tag]}, 10.0) for tag in "abc"]
    assert [told["matched"] for told in await asyncio.gather(*asked)] == [1, 1, 1]
    late = json.dumps({"number": 1, "worker": 0, "matches": {"ram": 99}}).encode()
    token = node_token(node_key(admin.folder.parent / "edge-1", "edge-1"), late, clock.now())
    assert (await ask("POST", f"{admin.url}/v1/feed/matches", token, late))[0] == 204
    assert (await send_order(admin.url, key, DRY, 10.0))["matched"] == 1


async def test_who_comes_while_a_question_is_open_is_asked_too(admin, tmp_path, key):
    gate, seen = asyncio.Event(), []

    async def count(orders):
        await gate.wait()
        return Matches(1, 1)

    admin.own.count = count
    asking = asyncio.create_task(send_order(admin.url, key, DRY, 10.0))
    await until(lambda: admin.keeper.feed._question)
    edge = follower(admin, tmp_path / "edge-1", "edge-1")
    edge.count = counts(Matches(5), seen)
    await edge.start()
    await until(lambda: seen)
    gate.set()
    assert (await asking)["matched"] == 6
    await edge.close()


async def test_a_dry_order_needs_the_same_rights_and_its_token_is_used_up(admin, key):
    narrow = signed(key, BODY, Rights(tags=("b",)))
    assert (await ask("POST", f"{admin.url}/v1/purges", narrow, BODY))[1]["error"] == "right-missing"
    body = json.dumps({**DRY, "wait": 0.01}).encode()
    token = signed(key, body)
    assert (await ask("POST", f"{admin.url}/v1/purges", token, body))[0] == 200
    assert (await ask("POST", f"{admin.url}/v1/purges", token, body))[1]["error"] == "token-replayed"
    with pytest.raises(OrderRefused, match="not a tag"):
        await send_order(admin.url, key, {**DRY, "targets": ["a,b"]})


NO_ANSWERS = [
    b"{",
    b'{"number":1}',
    b'{"number":1,"worker":-1,"matches":{"ram":0}}',
    b'{"number":1,"worker":0,"matches":{"ram":-1}}',
    b'{"number":1,"worker":0,"matches":{"ram":1,"disk":-1}}',
]


@pytest.mark.parametrize("body", NO_ANSWERS)
def test_what_is_no_answer_is_a_400(body):
    assert read_answer(body).status == 400


def test_an_answer_is_read():
    body = b'{"number":1,"worker":2,"matches":{"ram":3,"disk":4,"exact":false}}'
    assert read_answer(body) == Answer(1, 2, Matches(3, 4, exact=False))


NODES = [
    ("nobody", [], 0),
    ("RAM alone: each worker has its own", [Matches(1), Matches(2)], 3),
    ("with a disk, which has what RAM has", [Matches(3, 10), Matches(4)], 10),
    ("with a disk that has not been written yet", [Matches(3, 0), Matches(4)], 4),
]


@pytest.mark.parametrize(("answers", "matched"), [row[1:] for row in NODES], ids=[row[0] for row in NODES])
def test_what_a_node_holds_is_counted_once(answers, matched):
    assert in_node(answers) == matched
