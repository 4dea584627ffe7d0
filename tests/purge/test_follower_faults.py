"""What a follower cannot make durable it does not acknowledge; what it cannot believe it does not apply."""

from __future__ import annotations

import asyncio

import pytest

from httpcache.messages import PurgeMark
from httpcache.purge.feed_lines import FeedLine
from httpcache.purge.gate import Gate
from httpcache.purge.keys import jwk_set, named, node_key
from httpcache.purge.orders import Kind, Order
from httpcache.purge.tokens import node_token
from httpcache.rules.decisions import Standing
from httpcache.settings import PurgeSettings
from tests.purge.nodes import Admin, follower, until
from tests.store.things import stored

NOW = 1_700_000_000.0


@pytest.mark.slow
async def test_what_cannot_be_written_is_not_acknowledged_until_it_can(admin, edge):
    database = edge._following.applied._database
    await edge._run(database.execute, "PRAGMA query_only = 1")
    receipt = await admin.order("tag", "news", wait=0.05)
    assert not receipt["confirmed"]
    assert edge.watermarks.mark.n == 0
    assert not await admin.keeper.ledger.confirmed(1, 0.05, "edge-1")
    await edge._run(database.execute, "PRAGMA query_only = 0")
    assert await admin.keeper.ledger.confirmed(1, 5)
    assert edge.watermarks.mark.n == 1


async def test_what_is_durable_and_was_kept_from_memory_by_a_fault_is_there_before_the_log_is_followed_on(
    admin, edge
):
    apply = edge._apply

    async def fails_once(taken, read_at):
        if taken.orders:
            edge._apply = apply
            raise RuntimeError("whatever")
        await apply(taken, read_at)

    edge._apply = fails_once
    await admin.order("tag", "news", wait=0)
    assert await admin.keeper.ledger.confirmed(1, 5, "edge-1")
    assert edge.watermarks.standing(stored(tags=("news",))) is Standing.GONE


async def test_a_line_that_skips_an_order_breaks_the_connection_and_nothing_is_applied(admin, edge):
    epoch = admin.keeper.door.log.epoch
    complaints = len(edge._complaint)
    skipped = FeedLine(0, "", epoch, 1, 9, 0.2, after=8, orders=(Order(Kind.EVERYTHING),))
    admin.keeper.feed._line = lambda seq, nonce, *_, **__: _with(skipped, seq, nonce)
    admin.keeper.feed.wake()
    await until(lambda: len(edge._complaint) > complaints)
    assert edge.watermarks.mark == PurgeMark(epoch, 0)
    del admin.keeper.feed._line
    assert (await admin.order("tag", "news"))["confirmed"]


def _with(line: FeedLine, seq: int, nonce: str) -> FeedLine:
    return FeedLine(seq, nonce, line.epoch, line.start, line.newest, line.heartbeat, line.after, line.orders)


async def test_a_line_of_somebody_else_is_not_believed(admin, edge, tmp_path):
    mallory = node_key(tmp_path / "m", "keeper")
    key, admin.keeper.feed._key = admin.keeper.feed._key, mallory
    admin.keeper.feed.wake()
    await until(lambda: "signature" in edge._complaint or "another key" in edge._complaint)
    admin.keeper.feed._key = key
    assert (await admin.order("tag", "news"))["confirmed"]


async def test_the_log_says_in_our_words_why_the_purge_log_is_not_followed(admin, tmp_path, caplog):
    async def breaks_off(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
        writer.close()

    keeper = await asyncio.start_server(breaks_off, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{keeper.sockets[0].getsockname()[1]}"
    purge = {"log_at": url, "heartbeat": 0.01, "lag_limit": 0.05, "when_cut_off": "serve-stale"}
    edge = follower(admin, tmp_path / "e", "e", purge=purge)
    await edge.start()
    await until(lambda: "not following" in caplog.text and "cut off" in caplog.text)
    await edge.close()
    keeper.close()
    told = {record.getMessage() for record in caplog.records}
    assert "not following the purge log: the answer broke off" in told
    assert (
        "cut off from the purge log for 0.05 seconds: what is stored is used as it is, "
        "though it may have been purged (purge.when_cut_off)"
    ) in told


async def test_of_two_that_enrol_under_one_name_at_once_one_is_refused(tmp_path):
    own = node_key(tmp_path / "keeper", "keeper").public
    gate = Gate(PurgeSettings(), tmp_path / "keeper", own, lambda: NOW)
    tokens = [node_token(node_key(tmp_path / folder, "edge-1"), b"", NOW) for folder in ("a", "b")]
    results = await asyncio.gather(*(gate.node(token, b"", "127.0.0.1") for token in tokens))
    assert sorted(getattr(result, "status", 200) for result in results) == [200, 403]
    assert len(gate.enrolled.keys()) == 1


async def test_only_this_machine_enrols(tmp_path):
    own = node_key(tmp_path / "keeper", "keeper").public
    gate = Gate(PurgeSettings(), tmp_path / "keeper", own, lambda: NOW)
    token = node_token(node_key(tmp_path / "a", "edge-1"), b"", NOW)
    for address in ("10.0.0.5", "", None, "localhost", "::ffff:10.0.0.5"):
        assert (await gate.node(token, b"", address)).status == 403
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert (await gate.node(token, b"", address)).sub == "edge-1"


async def test_nobody_is_the_keeper_but_the_keeper(tmp_path):
    own = node_key(tmp_path / "keeper", "keeper").public
    gate = Gate(PurgeSettings(), tmp_path / "keeper", own, lambda: NOW)
    token = node_token(node_key(tmp_path / "a", "keeper"), b"", NOW)
    assert (await gate.node(token, b"", "127.0.0.1")).error == "node-key-differs"


async def test_a_node_on_file_needs_no_enrolment(tmp_path):
    edge = node_key(tmp_path / "a", "edge-1")
    listed = tmp_path / "nodes.jwks"
    listed.write_bytes(jwk_set([named(edge.public.key, "edge-1")]))
    own = node_key(tmp_path / "keeper", "keeper").public
    gate = Gate(PurgeSettings(nodes=str(listed), enrol="never"), tmp_path / "keeper", own, lambda: NOW)
    assert (await gate.node(node_token(edge, b"", NOW), b"", "10.0.0.5")).sub == "edge-1"


async def test_a_follower_without_a_keeper_starts_and_follows_once_there_is_one(tmp_path):
    admin = Admin(tmp_path / "keeper", purge={"heartbeat": 0.2})
    one = follower(admin, tmp_path / "e", "edge-1")
    starting = asyncio.create_task(one.start())
    await until(lambda: one._complaint)
    assert not one.is_following
    await admin.start()
    await starting
    assert one.is_following
    await one.close()
    await admin.stop()
