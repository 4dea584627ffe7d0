"""The purge API: what is refused applies nothing, receipts and history are told, an edge hands orders on."""

from __future__ import annotations

import asyncio
import json

import pytest

from httpcache import clock
from httpcache.purge.client import OrderRefused, send_order
from httpcache.purge.keeper import LogKeeper
from httpcache.purge.keys import KeyFault, node_key
from httpcache.purge.rights import Rights
from httpcache.purge.tokens import node_token
from httpcache.settings import Settings
from tests.purge.asking import ask, signed
from tests.purge.nodes import until

ORDER = b'{"kind":"tag","targets":["a"]}'


BAD = [
    ("without a token", lambda key: None, ORDER, 401, "token-missing"),
    ("with an empty token", lambda key: "", ORDER, 401, "token-missing"),
    ("with a token of another body", lambda key: signed(key, b"{}"), ORDER, 401, "body-changed"),
    ("with an old token", lambda key: signed(key, ORDER, now=clock.now() - 90), ORDER, 401, "token-expired"),
    ("beyond its rights", lambda key: signed(key, ORDER, Rights(tags=("b",))), ORDER, 403, "right-missing"),
    ("that is no order", lambda key: signed(key, b"{"), b"{", 400, "order-malformed"),
    ("that is too large", lambda key: signed(key, ORDER), b"x" * (2**20 + 1), 413, "order-too-large"),
]


@pytest.mark.parametrize(("token", "body", "status", "error"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
async def test_an_order_is_refused_and_nothing_applied(admin, key, token, body, status, error):
    got, document = await ask("POST", f"{admin.url}/v1/purges", token(key), body)
    assert (got, document["error"]) == (status, error)
    assert document["reason"].endswith(".")
    assert admin.keeper.door.log.newest == 0


async def test_a_token_is_used_once_also_after_the_keeper_restarts(admin, key):
    token = signed(key, ORDER)
    assert (await ask("POST", f"{admin.url}/v1/purges", token, ORDER))[0] == 200
    assert (await ask("POST", f"{admin.url}/v1/purges", token, ORDER))[1]["error"] == "token-replayed"
    await admin.stop()
    await admin.start()
    assert (await ask("POST", f"{admin.url}/v1/purges", token, ORDER))[1]["error"] == "token-replayed"
    assert admin.keeper.door.log.newest == 1


async def test_a_node_key_signs_no_orders(admin, tmp_path):
    key = node_key(tmp_path / "stolen", "edge-1")
    for token in (node_token(key, ORDER, clock.now()), signed(key, ORDER)):
        assert (await ask("POST", f"{admin.url}/v1/purges", token, ORDER))[0] == 401
    assert admin.keeper.door.log.newest == 0


async def test_an_operator_key_that_is_removed_from_the_file_orders_no_more(admin, key):
    (admin.folder / "keys" / "operators.jwks").write_text('{"keys": []}')
    status, document = await ask("POST", f"{admin.url}/v1/purges", signed(key, ORDER), ORDER)
    assert (status, document["error"]) == (401, "key-unknown")


async def test_a_receipt_can_be_asked_for_again_by_operators_and_nodes(admin, key, edge, tmp_path):
    receipt = await admin.order("tag", "a")
    url = f"{admin.url}/v1/purges/{receipt['id']}"
    assert await ask("GET", url, signed(key)) == (200, receipt)
    assert (await ask("GET", url, node_token(node_key(tmp_path / "edge-1", "edge-1"), b"", clock.now())))[
        0
    ] == 200
    assert (await ask("GET", url))[0] == 401
    assert (await ask("GET", f"{url}?wait=soon", signed(key)))[1]["error"] == "wait-out-of-range"
    assert (await ask("GET", f"{url}?wait=nan", signed(key)))[1]["error"] == "wait-out-of-range"


@pytest.mark.parametrize(
    "identity", ["0.1", "1", "x.y", "{epoch}.2", "{epoch}.0", "{epoch}.-1", "{epoch}.٣", "."]
)
async def test_an_unknown_id_is_404(admin, key, identity):
    await admin.order("tag", "a")
    path = identity.format(epoch=admin.keeper.door.log.epoch)
    assert (await ask("GET", f"{admin.url}/v1/purges/{path}", signed(key)))[0] == 404


async def test_a_receipt_is_waited_for(admin, key, edge):
    await edge.close()
    receipt = await admin.order("tag", "a", wait=0)
    asking = asyncio.create_task(ask("GET", f"{admin.url}/v1/purges/{receipt['id']}?wait=5", signed(key)))
    epoch_n = admin.keeper.door.log.newest
    await until(lambda: admin.keeper.ledger._waiters)
    admin.keeper.ledger.acknowledge("edge-1", 0, epoch_n, clock.now())
    status, document = await asking
    assert status == 200 and document["confirmed"]


async def test_an_order_that_the_keepers_own_workers_have_not_applied_is_not_confirmed(admin, monkeypatch):
    async def ignored(*_: object) -> None:
        pass

    monkeypatch.setattr(admin.own, "_apply", ignored)
    monkeypatch.setattr("httpcache.purge.api.OWN_WAIT", 0.05)
    receipt = await admin.order("tag", "a", wait=0)
    assert not receipt["confirmed"]
    assert [(row["node"], row["state"]) for row in receipt["nodes"]] == [("keeper", "waiting")]


async def test_history_tells_who_ordered_what(admin, key):
    for tag in ("a", "b", "c"):
        await admin.order("tag", tag, soft=True)
    status, history = await ask("GET", f"{admin.url}/v1/purges?after=1", signed(key))
    assert status == 200
    assert [(one["n"], one["who"], one["order"]["targets"]) for one in history["orders"]] == [
        (2, "operator", ["b"]),
        (3, "operator", ["c"]),
    ]
    assert (await ask("GET", f"{admin.url}/v1/purges?after=-1", signed(key)))[0] == 400
    assert (await ask("GET", f"{admin.url}/v1/purges"))[0] == 401


async def test_acknowledgements_count_for_the_node_that_signed_them_and_no_further_than_the_log(
    admin, edge, tmp_path
):
    key = node_key(tmp_path / "edge-1", "edge-1")
    epoch = admin.keeper.door.log.epoch
    for body, status in ((b"{", 400), (b'{"epoch":1,"workers":[{"worker":-1,"n":1}]}', 400)):
        token = node_token(key, body, clock.now())
        assert (await ask("POST", f"{admin.url}/v1/feed/acks", token, body))[0] == status
    body = json.dumps({"epoch": epoch, "workers": [{"worker": 0, "n": 99}, {"worker": 7, "n": 1}]}).encode()
    assert (await ask("POST", f"{admin.url}/v1/feed/acks", node_token(key, body, clock.now()), body))[
        0
    ] == 204
    assert admin.keeper.ledger.least("edge-1") == 0


async def test_an_edge_hands_an_order_on_and_passes_the_receipt_back(admin, edge, relay, key):
    receipt = await admin.order("tag", "a", to=relay.url)
    assert receipt["confirmed"] and edge.watermarks.mark.n == 1
    assert (await ask("GET", f"{relay.url}/v1/purges/{receipt['id']}?wait=1", signed(key)))[1] == receipt
    assert len((await ask("GET", f"{relay.url}/v1/purges?after=0", signed(key)))[1]["orders"]) == 1
    assert (await ask("GET", f"{relay.url}/v1/feed"))[0] == 404


async def test_what_the_keeper_refuses_is_passed_back(admin, relay, key):
    status, document = await ask("POST", f"{relay.url}/v1/purges", signed(key, b"{}"), ORDER)
    assert (status, document["error"]) == (401, "body-changed")
    assert (await ask("POST", f"{relay.url}/v1/purges", None, ORDER))[1]["error"] == "token-missing"


async def test_an_edge_without_its_keeper_says_so_and_refuses_by_itself_what_it_can(admin, relay, key):
    await admin.stop()
    status, document = await ask("POST", f"{relay.url}/v1/purges", signed(key, ORDER), ORDER)
    assert (status, document["error"]) == (502, "log-unreachable")
    jwks = (admin.folder / "keys" / "operators.jwks").read_bytes()
    (relay.folder / "keys" / "operators.jwks").write_bytes(jwks)
    assert (await ask("POST", f"{relay.url}/v1/purges", signed(key, b"{}"), ORDER))[1][
        "error"
    ] == "body-changed"
    await admin.start()


async def test_an_order_that_an_unknown_node_hands_on_is_refused(admin, edge, tmp_path, key):
    mallory = node_token(node_key(tmp_path / "m", "edge-1"), ORDER, clock.now())
    status, document = await ask(
        "POST", f"{admin.url}/v1/purges", signed(key, ORDER), ORDER, **{"Edgeward-Node": mallory}
    )
    assert (status, document["error"]) == (403, "node-key-differs")
    assert admin.keeper.door.log.newest == 0


async def test_the_client_says_what_was_wrong(admin, key):
    with pytest.raises(OrderRefused, match="is not a tag") as refused:
        await send_order(admin.url, key, {"kind": "tag", "targets": ["a,b"]}, 1.0)
    assert refused.value.status == 400
    with pytest.raises(OSError):
        await send_order("http://127.0.0.1:1", key, {"kind": "everything"}, 1.0)
    with pytest.raises(OrderRefused, match="admin listener"):
        await send_order(f"{admin.url}/elsewhere", key, {"kind": "everything"}, 1.0)


@pytest.mark.parametrize(
    "text", [None, "{", '{"keys": [{"kty": "oct"}]}'], ids=["missing", "no JSON", "a shared secret"]
)
def test_a_key_file_that_cannot_be_used_stops_the_start(tmp_path, text):
    named = tmp_path / "operators.jwks"
    if text is not None:
        named.write_text(text)
    with pytest.raises((KeyFault, OSError), match=r"operators\.jwks"):
        LogKeeper(Settings(origin="http://a", purge={"keys": str(named)}), tmp_path / "data")
