"""Who follows the log: each worker once, on file before it hears an order, and no longer once it has been retired."""

from __future__ import annotations

import asyncio
import json
import shutil

import aiohttp
import pytest

from httpcache import clock
from httpcache.purge.keys import jwk_set, load_private_key, node_key
from httpcache.purge.rights import Rights
from httpcache.purge.teller import Refused, Teller
from httpcache.purge.tokens import node_token
from httpcache.settings import Settings
from tests.purge.asking import ask, signed
from tests.purge.nodes import Admin, follower, until

RETIRE = b'{"node":"edge-1"}'
FORCE = b'{"node":"edge-1","force":true}'


async def test_a_node_is_on_file_before_it_hears_an_order(admin, tmp_path):
    """Whenever the keeper is killed, receipts name whoever may hold what is purged."""
    admin.keeper._tasks[0].cancel()  # what saves now and then
    one = follower(admin, tmp_path / "e", "edge-2")
    await one.start()
    assert "edge-2" in json.loads((admin.folder / "purge" / "workers.json").read_bytes())["nodes"]
    await one.close()


async def test_of_two_nodes_from_one_folder_the_second_does_not_follow_until_the_first_has_gone(tmp_path):
    admin = await Admin(tmp_path / "keeper", purge={"heartbeat": 2.0}).start()  # a busy machine is no silence
    edge = follower(admin, tmp_path / "edge-1", "edge-1")
    await edge.start()
    shutil.copytree(tmp_path / "edge-1" / "keys", tmp_path / "copy" / "keys")
    other = follower(admin, tmp_path / "copy", "edge-1")
    starting = asyncio.create_task(other.start())
    await until(lambda: "edge-1/0 follows already from 127.0.0.1" in other._complaint)
    assert edge.is_following and not other.is_following
    await edge.close()
    await starting
    await until(lambda: other.is_following)
    await other.close()
    await admin.stop()


async def test_a_worker_whose_old_connection_is_dead_follows_again(admin, tmp_path):
    """A link that swallows everything: the keeper has not been told that the old connection has gone."""
    (tmp_path / "e").mkdir()
    key = node_key(tmp_path / "e", "edge-2")
    headers = {"Authorization": f"Bearer {node_token(key, b'', clock.now(), nonce='n')}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{admin.url}/v1/feed", headers=headers) as silent,
    ):
        assert silent.status == 200
        one = follower(admin, tmp_path / "e", "edge-2")
        await one.start()
        await until(lambda: one.is_following)
        assert await silent.read()  # to its end
        assert (await admin.order("tag", "news"))["confirmed"]
        await one.close()


async def test_a_node_that_follows_is_not_retired_unless_by_force(admin, edge, key):
    status, told = await ask("POST", f"{admin.url}/v1/nodes/retire", signed(key, RETIRE), RETIRE)
    assert (status, told["error"]) == (409, "node-follows")
    assert [row["node"] for row in (await admin.order("tag", "a"))["nodes"]] == ["edge-1", "keeper"]
    assert (await ask("POST", f"{admin.url}/v1/nodes/retire", signed(key, FORCE), FORCE))[0] == 200


async def test_a_node_that_is_retired_by_force_and_on_no_file_follows_no_longer(tmp_path):
    (tmp_path / "e").mkdir()
    listed = tmp_path / "nodes.jwks"
    listed.write_bytes(jwk_set([node_key(tmp_path / "e", "edge-1").public]))
    admin = await Admin(
        tmp_path / "keeper", purge={"heartbeat": 0.2, "nodes": str(listed), "enrol": "never"}
    ).start()
    own, one = follower(admin, admin.folder, "keeper"), follower(admin, tmp_path / "e", "edge-1")
    await own.start()
    await one.start()
    listed.write_bytes(jwk_set([]))
    key = load_private_key(admin.folder / "keys" / "operator.key")
    assert (await ask("POST", f"{admin.url}/v1/nodes/retire", signed(key, FORCE), FORCE))[0] == 200
    await until(lambda: "nodes' file" in one._complaint)
    receipt = await admin.order("tag", "a")
    assert receipt["confirmed"] and [row["node"] for row in receipt["nodes"]] == ["keeper"]
    assert one.watermarks.mark.n == 0
    await one.close()
    await own.close()
    await admin.stop()


async def test_what_the_keeper_refuses_to_be_told_is_told_as_such(admin):
    teller = Teller(admin.url)
    with pytest.raises(Refused, match="status 401"):
        await teller.tell("/v1/feed/acks", lambda: (b"{}", "x.y.z"))
    teller.close()


async def test_a_narrowed_token_sees_only_what_it_might_order(admin, key):
    mine, other = await admin.order("tag", "mine"), await admin.order("tag", "other")
    narrow = Rights(tags=("mine",))
    assert (await ask("GET", f"{admin.url}/v1/purges/{mine['id']}", signed(key, rights=narrow)))[0] == 200
    for path in (f"/v1/purges/{other['id']}", "/v1/purges?after=0"):
        status, told = await ask("GET", admin.url + path, signed(key, rights=narrow))
        assert (status, told["error"]) == (403, "right-missing")


async def test_the_history_of_large_orders_comes_in_pages(admin, key, monkeypatch):
    monkeypatch.setattr("httpcache.purge.api.HISTORY_OCTETS", 2500)
    for number in range(5):
        await admin.order("tag", f"{number}" * 1000, wait=0)
    seen: list[int] = []
    while (after := seen[-1] if seen else 0) < 5:
        _, page = await ask("GET", f"{admin.url}/v1/purges?after={after}", signed(key))
        assert page["newest"] == 5 and 0 < len(page["orders"]) <= 2
        seen += [one["n"] for one in page["orders"]]
    assert seen == [1, 2, 3, 4, 5]


def test_a_heartbeat_as_long_as_the_lag_limit_is_a_fault_in_the_settings():
    with pytest.raises(ValueError, match=r"`purge\.heartbeat` must be shorter than `purge\.lag_limit`"):
        Settings.model_validate({"origin": "http://h", "purge": {"heartbeat": 60, "lag_limit": 30}})
