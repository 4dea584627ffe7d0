"""Which nodes there are, and retiring one: by operators, once per token, and not the one that keeps the log."""

from __future__ import annotations

import pytest

from httpcache.purge.rights import Rights
from tests.purge.asking import ask, signed
from tests.purge.nodes import until

RETIRE = b'{"node":"edge-1"}'


async def test_nodes_are_told_with_how_far_each_has_applied_the_log(admin, edge, key):
    await admin.order("tag", "a")
    status, told = await ask("GET", f"{admin.url}/v1/nodes", signed(key))
    assert (status, told["newest"]) == (200, 1)
    assert [(node["node"], node["state"], node["applied"]) for node in told["nodes"]] == [
        ("edge-1", "following", 1),
        ("keeper", "following", 1),
    ]


async def test_a_node_that_has_gone_is_away_and_once_retired_waited_for_no_more(admin, edge, key):
    await edge.close()
    await until(lambda: not admin.keeper.ledger._nodes["edge-1"][0].feeds)
    _, told = await ask("GET", f"{admin.url}/v1/nodes", signed(key))
    assert next(node for node in told["nodes"] if node["node"] == "edge-1")["state"] == "away"
    assert (await admin.order("tag", "a", wait=0))["confirmed"] is False
    assert await ask("POST", f"{admin.url}/v1/nodes/retire", signed(key, RETIRE), RETIRE) == (
        200,
        {"retired": "edge-1"},
    )
    assert (await admin.order("tag", "b"))["confirmed"] is True


async def test_a_node_is_retired_by_way_of_an_edge(admin, edge, relay, key):
    await edge.close()
    assert (await ask("POST", f"{relay.url}/v1/nodes/retire", signed(key, RETIRE), RETIRE))[0] == 200
    assert (await ask("GET", f"{relay.url}/v1/nodes", signed(key)))[0] == 200


REFUSED = [
    ("nobody of that name", signed, b'{"node":"x"}', 404, "node-unknown"),
    ("the keeper", signed, b'{"node":"keeper"}', 409, "node-keeps-log"),
    ("no node", signed, b"{}", 400, "retirement-malformed"),
    ("a narrowed token", lambda key, body: signed(key, body, Rights(tags=("a",))), RETIRE, 403, "right-missing"),
    ("another body", lambda key, body: signed(key, b""), RETIRE, 401, "body-changed"),
    ("no token", lambda key, body: None, RETIRE, 401, "token-missing"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("token", "body", "status", "error"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
async def test_it_is_refused_to_retire(admin, edge, key, token, body, status, error):
    got, document = await ask("POST", f"{admin.url}/v1/nodes/retire", token(key, body), body)
    assert (got, document["error"]) == (status, error)
    assert "edge-1" in admin.keeper.ledger._nodes


async def test_a_token_retires_once(admin, edge, key):
    await edge.close()
    token = signed(key, RETIRE)
    assert (await ask("POST", f"{admin.url}/v1/nodes/retire", token, RETIRE))[0] == 200
    assert (await ask("POST", f"{admin.url}/v1/nodes/retire", token, RETIRE))[1]["error"] == "token-replayed"
