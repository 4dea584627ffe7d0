"""Who has failed too often is not listened to for a while; what was attempted, and by whom, can be read later."""

from __future__ import annotations

import asyncio
import json
import stat

import aiohttp
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache import clock
from httpcache.purge.attempts import Attempts, source_of
from httpcache.purge.audit import AuditLog
from httpcache.purge.keys import load_private_key, node_key
from httpcache.purge.problems import Problem
from httpcache.purge.tokens import node_token
from httpcache.purge.turns import Turns
from tests.purge.asking import ask, signed
from tests.purge.nodes import Admin, until

ORDER = b'{"kind":"tag","targets":["a"]}'


def lines(folder):
    path = folder / "purge" / "audit.log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_an_order_is_noted_with_who_what_from_where_and_its_result(admin, key):
    receipt = await admin.order("tag", "a")
    await until(lambda: lines(admin.folder))
    (line,) = lines(admin.folder)
    assert (line["who"], line["from"], line["what"]) == ("operator", "127.0.0.1", "POST /v1/purges")
    assert (line["result"], line["id"]) == ("accepted", receipt["id"])
    assert line["orders"] == [{"kind": "tag", "soft": False, "targets": ["a"]}]
    assert stat.S_IMODE((admin.folder / "purge" / "audit.log").stat().st_mode) == 0o600


async def test_a_failure_is_noted_with_whom_it_claims_to_be_from(admin, key):
    await ask("POST", f"{admin.url}/v1/purges", signed(key, b"{}"), ORDER)
    await ask("GET", f"{admin.url}/v1/purges", "rubbish")
    await until(lambda: len(lines(admin.folder)) == 2)
    first, second = lines(admin.folder)
    assert (first["who"], first["claims_to_be"], first["result"]) == (None, "operator", "body-changed")
    assert (second["what"], second["claims_to_be"], second["result"]) == (
        "GET /v1/purges", None, "token-malformed",
    )  # fmt: skip


async def test_an_address_that_fails_too_often_is_refused_even_with_a_good_token(tmp_path):
    admin = await Admin(tmp_path / "n", purge={"failures": 3, "failures_window": 600}).start()
    try:
        for _ in range(3):
            assert (await ask("POST", f"{admin.url}/v1/purges", None, ORDER))[0] == 401
        status, document = await ask("POST", f"{admin.url}/v1/purges", None, ORDER)
        assert (status, document["error"]) == (429, "too-many-failures")
        assert (await ask("GET", f"{admin.url}/v1/feed"))[0] == 401  # nodes are counted apart
        assert (await ask("GET", f"{admin.url}/v1/openapi.json"))[0] == 429
    finally:
        await admin.stop()
    assert [line["status"] for line in lines(admin.folder)] == [401, 401, 401, 429, 401]


async def test_many_attempts_at_once_are_no_more_than_may_fail(tmp_path):
    admin = await Admin(tmp_path / "n", purge={"failures": 3, "failures_window": 600}).start()
    try:
        url, token = f"{admin.url}/v1/purges", signed(node_key(tmp_path / "other", "operator"), ORDER)
        came = await asyncio.gather(*(ask("POST", url, token, ORDER) for _ in range(30)))
    finally:
        await admin.stop()
    assert sorted(status for status, _ in came) == [401] * 3 + [429] * 27


async def test_many_good_orders_at_once_wait_for_their_turn_and_none_is_refused(tmp_path):
    admin = await Admin(tmp_path / "n", purge={"failures": 2, "failures_window": 600}).start()
    try:
        came = await asyncio.gather(*(admin.order("tag", f"t{n}", wait=0) for n in range(20)))
    finally:
        await admin.stop()
    assert sorted(receipt["n"] for receipt in came) == list(range(1, 21))


async def test_of_what_is_left_of_a_limit_failures_at_once_take_no_more(tmp_path):
    attempts, looked_at = Attempts(3, 600), []
    attempts.fail("a", clock.monotonic())
    turns = Turns(attempts)

    async def look():
        looked_at.append(1)
        await asyncio.sleep(0)
        return Problem(401, "no", "No.")

    came = await asyncio.gather(*(turns.take("a", look) for _ in range(9)))
    assert len(looked_at) == 2
    assert [problem.status for problem, _ in came].count(429) == 7
    assert (await turns.take("b", look))[0].status == 401
    assert not turns._sources


async def test_without_a_limit_every_attempt_is_looked_at(tmp_path):
    admin = await Admin(tmp_path / "n", purge={"failures": 0}).start()
    try:
        for _ in range(30):
            assert (await ask("POST", f"{admin.url}/v1/purges", None, ORDER))[0] == 401
    finally:
        await admin.stop()


def test_the_audit_log_rotates_by_size_and_keeps_so_many(tmp_path):
    log = AuditLog(tmp_path / "audit.log", 1000, 2)
    log.start()
    for number in range(200):
        log.write({"number": number})
    log.close()
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["audit.log", "audit.log.1", "audit.log.2"]
    assert all(path.stat().st_size <= 1000 for path in tmp_path.iterdir())
    assert json.loads((tmp_path / "audit.log").read_text().splitlines()[-1]) == {"number": 199}


def test_an_audit_log_that_cannot_be_written_costs_nobody_an_answer(tmp_path):
    (tmp_path / "audit.log").mkdir()
    log = AuditLog(tmp_path / "audit.log", 1000, 2)
    log.start()
    log.write({"number": 1})
    log.close()


@given(st.lists(st.floats(0, 100), max_size=40), st.integers(1, 10), st.floats(1, 60))
def test_after_the_pause_an_attempt_is_looked_at(gaps, most, window):
    attempts, now = Attempts(most, window), 0.0
    for gap in gaps:
        now += gap
        attempts.fail("a", now)
    pause = attempts.pause("a", now)
    assert pause >= 0
    assert attempts.pause("a", now + pause + 0.001) == 0
    assert attempts.pause("another", now) == 0


async def test_a_client_that_fails_at_an_edge_does_not_keep_others_at_that_edge_out(tmp_path, edge, key):
    """The keeper counts failures of each client that a node names, not of the node."""
    keeper = await Admin(tmp_path / "k", purge={"failures": 2, "failures_window": 600}).start()
    operator = load_private_key(keeper.folder / "keys" / "operator.key")
    node = node_key(tmp_path / "e", "edge-9")
    try:

        async def handed_on(client, token):
            mine = node_token(node, ORDER, clock.now(), client=client)
            asked = await ask("POST", f"{keeper.url}/v1/purges", token, ORDER, **{"Edgeward-Node": mine})
            return asked[0]

        assert [await handed_on("192.0.2.1", "rubbish") for _ in range(3)] == [401, 401, 429]
        assert await handed_on("192.0.2.1", signed(operator, ORDER)) == 429
        assert await handed_on("192.0.2.2", signed(operator, ORDER)) in (200, 202)
    finally:
        await keeper.stop()
    *_, refused, accepted = lines(keeper.folder)
    assert (refused["status"], refused["through"], refused["client"]) == (429, "edge-9", "192.0.2.1")
    assert (accepted["who"], accepted["client"]) == ("operator", "192.0.2.2")


async def test_a_flood_that_is_turned_away_is_one_line_and_then_a_number(tmp_path):
    admin = await Admin(tmp_path / "n", purge={"failures": 2, "failures_window": 0.5}).start()
    try:
        statuses = [(await ask("POST", f"{admin.url}/v1/purges", None, ORDER))[0] for _ in range(2)]
        turned_away = 0
        while (status := (await ask("POST", f"{admin.url}/v1/purges", None, ORDER))[0]) == 429:
            turned_away += 1
        statuses.append(status)
    finally:
        await admin.stop()
    told = lines(admin.folder)
    assert statuses == [401, 401, 401] and turned_away > 1
    assert [line["status"] for line in told] == [401, 401, 429, 401]
    assert told[-1]["turned_away_before"] == turned_away - 1


async def test_what_the_keeper_made_of_an_order_is_noted_at_the_edge_that_handed_it_on(
    admin, edge, relay, key
):
    await ask("POST", f"{relay.url}/v1/purges", signed(key, b"{}"), ORDER)
    receipt = await admin.order("tag", "a", to=relay.url)
    await until(lambda: len(lines(relay.folder)) == 2)
    refused, accepted = lines(relay.folder)
    assert (refused["status"], refused["result"]) == (401, "body-changed")
    assert (accepted["result"], accepted["id"]) == ("accepted", receipt["id"])
    assert accepted["orders"] == [{"kind": "tag", "soft": False, "targets": ["a"]}]
    await until(lambda: len(lines(admin.folder)) == 2)
    assert {line["through"] for line in lines(admin.folder)} == {"edge-1"}


async def test_the_edge_passes_on_how_to_prove_oneself(admin, edge, relay, key):
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{relay.url}/v1/nodes", headers={"Authorization": "Bearer rubbish"}) as answer,
    ):
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_an_issuer_that_is_no_text_is_noted_all_the_same(admin):
    token = jwt.encode({"iss": "\ud800"}, "k" * 32)
    assert (await ask("POST", f"{admin.url}/v1/purges", token, ORDER))[0] == 401
    await until(lambda: lines(admin.folder))
    assert lines(admin.folder)[0]["claims_to_be"] == "\ud800"


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        (None, ""),
        ("no address", "no address"),
    ],
)
def test_attempts_are_counted_by_address_and_those_of_ipv6_by_subscriber(address, source):
    assert source_of(address) == source
