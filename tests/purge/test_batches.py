"""Several orders in one request: each numbered, all or none, each within the rights of the one who asks."""

from __future__ import annotations

import json

import pytest

from httpcache.messages import PurgeMark
from httpcache.purge.batches import parse_orders
from httpcache.purge.client import OrderRefused, send_order
from httpcache.purge.keys import load_private_key
from httpcache.purge.orders import Kind, Order
from httpcache.purge.problems import Problem
from httpcache.purge.rights import Rights
from tests.purge.test_api import ask, signed


def batch(*orders, **more):
    return json.dumps({"orders": list(orders), **more}).encode()


TAG, SOFT = {"kind": "tag", "targets": ["a"]}, {"kind": "host", "targets": ["h.example"], "soft": True}

BATCHES = [
    ("two", batch(TAG, SOFT, wait=2), ((Kind.TAG, False), (Kind.HOST, True), 2.0)),
    ("one alone", json.dumps({**TAG, "wait": 1}).encode(), ((Kind.TAG, False), 1.0)),
    ("none", batch(), "batch-out-of-range"),
    ("too many", batch(TAG, TAG, TAG, TAG), "batch-out-of-range"),
    ("one that is wrong", batch(TAG, {"kind": "tag", "targets": []}), "targets-empty"),
    ("a wait that is wrong", batch(TAG, wait=-1), "wait-out-of-range"),
    ("not orders", b'{"orders": 7}', "order-malformed"),
    ("not JSON", b'{"orders"', "order-malformed"),
]


@pytest.mark.parametrize(("body", "expected"), [row[1:] for row in BATCHES], ids=[row[0] for row in BATCHES])
def test_a_batch_is_read(body, expected):
    parsed = parse_orders(body, 10, 3)
    if isinstance(parsed, Problem):
        assert parsed.error == expected
    else:
        assert (*((order.kind, order.soft) for order in parsed[0]), parsed[1]) == expected


async def test_each_order_of_a_batch_is_numbered_and_applied_and_the_receipt_covers_all(admin, edge):
    key = load_private_key(admin.folder / "keys" / "operator.key")
    await admin.order("tag", "before")
    orders = [{"kind": "tag", "targets": [f"t{number}"]} for number in range(100)]
    receipt = await send_order(admin.url, key, {"orders": orders}, 5.0)
    assert receipt["confirmed"] and (receipt["first"], receipt["n"]) == (2, 101)
    assert edge.watermarks.mark == PurgeMark(receipt["epoch"], 101)
    found = await admin.keeper.door.run(admin.keeper.door.log.after, 1, 1000)
    assert [logged.order for logged in found] == [Order(Kind.TAG, (f"t{number}",)) for number in range(100)]


async def test_one_order_beyond_the_rights_refuses_the_whole_batch(admin):
    key = load_private_key(admin.folder / "keys" / "operator.key")
    body = batch(TAG, SOFT)
    status, document = await ask(
        "POST", f"{admin.url}/v1/purges", signed(key, body, Rights(kinds=("tag",))), body
    )
    assert (status, document["error"]) == (403, "right-missing")
    assert admin.keeper.door.log.newest == 0
    with pytest.raises(OrderRefused):
        await send_order(admin.url, key, {"orders": []})
