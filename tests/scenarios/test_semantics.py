"""Rules that need more than one request to show, through one tier and through two."""

from __future__ import annotations

import asyncio

import pytest


async def test_a_group_is_invalidated_by_the_answer_to_an_unsafe_request(world):
    for target in ("/a", "/b", "/c"):
        group = '"prices", "x"' if target != "/c" else '"other"'
        world.origin.answers(target, b"old", Cache_Control="max-age=600", Cache_Groups=group)
        await world.get(target)
    world.origin.answers("/set", b"", status=200, Cache_Group_Invalidation='"prices"')
    await world.ask(world.edges[0], "/set", method="POST", body=b"x")
    for target, body in (("/a", b"new"), ("/b", b"new"), ("/c", b"old")):
        world.origin.answers(target, b"new", Cache_Control="max-age=600")
        assert (await world.get(target)).body == body


async def test_a_group_of_another_site_is_left_alone(world):
    world.origin.answers("/a", b"old", Cache_Control="max-age=600", Cache_Groups='"g"')
    await world.get("/a", Host="one.example")
    world.origin.answers("/set", b"", Cache_Group_Invalidation='"g"')
    await world.ask(world.edges[0], "/set", method="POST", body=b"x", Host="two.example")
    assert ";hit" in (await world.get("/a", Host="one.example")).cache_status[-1]


async def test_an_invalidation_while_a_fetch_is_under_way_holds_for_what_it_brings(world):
    gate = asyncio.Event()
    world.origin.answers("/a", b"old", Cache_Control="max-age=600", ETag='"1"', gate=gate)
    waiting = asyncio.create_task(world.get("/a"))
    await world.origin.has_seen("/a", 1)
    world.origin.answers("/a", b"done")
    await world.ask(world.edges[0], "/a", method="POST", body=b"x")
    gate.set()
    await waiting
    world.origin.answers("/a", b"new", Cache_Control="max-age=600", ETag='"2"')
    assert (await world.get("/a")).body == b"new"


async def test_an_invalidation_survives_a_restart(world):
    world.origin.answers("/a", b"old", Cache_Control="max-age=600")
    await world.get("/a")
    world.origin.answers("/a", b"done")
    await world.ask(world.edges[0], "/a", method="DELETE")
    for node in world.nodes:
        await node.restart()
    world.origin.answers("/a", b"new", Cache_Control="max-age=600")
    assert (await world.get("/a")).body == b"new"


async def test_a_failed_unsafe_request_invalidates_nothing(world):
    world.origin.answers("/a", b"old", Cache_Control="max-age=600")
    await world.get("/a")
    world.origin.answers("/a", b"no", status=403)
    await world.ask(world.edges[0], "/a", method="DELETE")
    assert ";hit" in (await world.get("/a")).cache_status[-1]


async def test_a_targeted_field_rules_the_cdn_and_is_not_what_clients_obey(world):
    world.origin.answers("/a", b"x", Cache_Control="no-store", CDN_Cache_Control="max-age=600")
    await world.get("/a")
    got = await world.get("/a")
    assert ";hit" in got.cache_status[-1]
    assert got.fields["Cache-Control"] == "no-store"


async def test_a_head_that_tells_another_length_makes_the_stored_get_invalid(worlds):
    async with worlds(tiers=1) as world:
        world.origin.answers("/a", b"12345", Cache_Control="max-age=10")
        await world.get("/a")
        world.pass_time(11)
        world.origin.answers("/a", b"1234567", Cache_Control="max-age=600")
        await world.get("/a", method="HEAD")
        assert (await world.get("/a")).body == b"1234567"


async def test_only_one_background_validation_runs_for_many_clients(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=10, stale-while-revalidate=600", ETag='"1"')
    await world.get("/a")
    world.pass_time(11)
    gate = asyncio.Event()
    world.origin.answers(
        "/a", b"x", Cache_Control="max-age=10, stale-while-revalidate=600", ETag='"1"', gate=gate
    )
    got = await asyncio.gather(*(world.get("/a") for _ in range(20)))
    assert {one.body for one in got} == {b"x"}
    gate.set()
    await world.origin.has_seen("/a", 2)
    assert len(world.origin.seen("/a")) == 2


async def test_a_site_policy_is_obeyed_and_named(worlds):
    sites = [
        {"host": "site.example", "prefix": "/short", "default_ttl": 60},
        {"host": "site.example", "prefix": "/raw", "bypass": True},
        {"host": "site.example", "prefix": "/q", "query_without": ["utm_*"]},
    ]
    async with worlds(sites=sites) as world:
        world.origin.answers("/short/a", b"x")
        await world.get("/short/a")
        assert "detail=default-ttl" in (await world.get("/short/a")).cache_status[-1]
        world.origin.answers("/raw/a", b"x", Cache_Control="max-age=60")
        await world.get("/raw/a")
        assert "fwd=bypass" in (await world.get("/raw/a")).cache_status[-1]
        world.origin.answers("/q/a?utm_source=1", b"x", Cache_Control="max-age=60")
        await world.get("/q/a?utm_source=1")
        assert ";hit" in (await world.get("/q/a?utm_source=2")).cache_status[-1]


async def test_a_vary_on_accept_encoding_is_one_variant_for_every_spelling(world):
    world.origin.answers(
        "/a", b"x", Cache_Control="max-age=600", Vary="Accept-Encoding", Content_Encoding="gzip"
    )
    await world.get("/a", Accept_Encoding="gzip, br")
    assert ";hit" in (await world.get("/a", Accept_Encoding="br,GZIP")).cache_status[-1]
    assert len(world.origin.requests) == 1


async def test_validation_is_answered_by_the_shield_where_it_can_be(worlds):
    async with worlds(edges=2) as world:
        world.origin.answers("/a", b"x", Cache_Control="max-age=100", ETag='"1"')
        await world.get("/a", at=0)
        world.edges[0].clock[0] += 101
        got = await world.get("/a", at=0)
        assert got.body == b"x"
        assert "fwd=stale;fwd-status=304" in got.cache_status[-1]
        assert len(world.origin.seen("/a")) == 1


async def test_a_response_for_one_users_authorization_is_not_given_to_another(world):
    world.origin.answers("/a", b"alice", Cache_Control="max-age=600")
    await world.get("/a", Authorization="alice")
    world.origin.answers("/a", b"bob", Cache_Control="max-age=600")
    assert (await world.get("/a", Authorization="bob")).body == b"bob"


async def test_the_response_to_a_post_answers_later_gets_where_it_says_so(world):
    world.origin.answers("/a", b"old", Cache_Control="max-age=600")
    await world.get("/a")
    world.origin.answers("/a", b"new", Cache_Control="max-age=600", Content_Location="/a")
    posted = await world.ask(world.edges[0], "/a", method="POST", body=b"x")
    assert posted.body == b"new"
    got = await world.get("/a")
    assert got.body == b"new"
    assert ";hit" in got.cache_status[-1]
    assert [one.method for one in world.origin.requests] == ["GET", "POST"]


async def test_fields_for_one_client_reach_that_client_and_nobody_else(world):
    world.origin.answers(
        "/a", b"x", Cache_Control='max-age=60, private="X-User", no-cache="X-Once"', X_User="1", X_Once="2"
    )
    first, second = await world.get("/a"), await world.get("/a")
    assert (first.fields.get("X-User"), first.fields.get("X-Once")) == ("1", "2")
    assert ";hit" in second.cache_status[-1]
    assert not {"X-User", "X-Once"} & set(second.fields)


async def test_a_cookie_that_is_not_stored_reaches_the_client_that_it_was_set_for(worlds):
    async with worlds(sites=({"set_cookie": "strip"},)) as world:
        world.origin.answers(
            "/a", b"x", Cache_Control="public, max-age=60", ETag='"1"', fields=[("Set-Cookie", "id=1")]
        )
        assert (await world.get("/a")).fields.getall("Set-Cookie") == ["id=1"]
        assert "Set-Cookie" not in (await world.get("/a")).fields
        world.pass_time(61)
        world.origin.answers(
            "/a", b"x", Cache_Control="public, max-age=60", ETag='"1"', fields=[("Set-Cookie", "id=2")]
        )
        validated = await world.get("/a")
        assert world.origin.seen("/a")[-1].get("If-None-Match") == '"1"'
        assert validated.fields.getall("Set-Cookie") == ["id=2"]
        assert "Set-Cookie" not in (await world.get("/a")).fields


async def test_a_head_gets_what_stale_if_error_allows(world):
    world.origin.answers("/a", b"four", Cache_Control="max-age=10, stale-if-error=60")
    await world.get("/a")
    world.pass_time(11)
    for failure in ({"status": 503}, {"raw": b""}):
        world.origin.answers("/a", b"", **failure)
        got = await world.get("/a", method="HEAD")
        assert (got.status, got.fields["Content-Length"]) == (200, "4")


@pytest.mark.requirement("9111§4 collapsed-only-where-reuse-is-allowed")
async def test_many_clients_that_want_a_validation_share_one_that_began_after_they_came(worlds):
    async with worlds(tiers=1) as world:
        gate = asyncio.Event()
        world.origin.answers("/a", b"old", Cache_Control="max-age=60", ETag='"1"')
        await world.get("/a")
        world.origin.answers("/a", b"old", Cache_Control="max-age=60", ETag='"1"', gate=gate)
        reloads = [asyncio.create_task(world.get("/a", Cache_Control="no-cache")) for _ in range(8)]
        async with asyncio.timeout(10):
            while world.edges[0].worker.tier.collapser.waiting < 7:
                await asyncio.sleep(0.005)
        gate.set()
        assert {one.body for one in await asyncio.gather(*reloads)} == {b"old"}
        # One for whoever led, and at the most one more for all who came while it was under way.
        assert 1 <= len(world.origin.seen("/a")) - 1 <= 2
        later = await world.get("/a", Cache_Control="no-cache")
        assert "not-collapsible" not in later.cache_status[-1]


@pytest.mark.parametrize(
    "superseded", [{"status": 404}, {"Cache_Control": "no-store"}], ids=["404", "no-store"]
)
async def test_what_the_origin_has_another_answer_for_is_not_given_stale_again(world, superseded):
    windows = "max-age=10, stale-while-revalidate=600, stale-if-error=600"
    world.origin.answers("/a", b"old", Cache_Control=windows, ETag='"1"')
    await world.get("/a")
    world.pass_time(11)
    world.origin.answers("/a", b"new", **superseded)
    assert (await world.get("/a")).body == b"old"
    await world.origin.has_seen("/a", 2)
    async with asyncio.timeout(10):
        while (await world.get("/a")).body == b"old":
            await asyncio.sleep(0.01)
    world.origin.answers("/a", b"", status=503)
    assert (await world.get("/a")).status == 503


async def test_octets_that_are_no_utf_8_reach_the_client(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=60", fields=[("X-Name", "caf\udce9 \u00e9")])
    for _ in range(2):
        got = await world.get("/a")
        assert got.fields["X-Name"].encode("utf-8", "surrogateescape") == b"caf\xe9 \xc3\xa9"


async def test_octets_that_are_no_utf_8_reach_an_origin_that_is_close(world):
    host, _, port = world.edges[0].settings.listen.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /a HTTP/1.1\r\nHost: site.example\r\nX-Name: caf\xe9\r\nConnection: close\r\n\r\n")
    await reader.read()
    writer.close()
    assert world.origin.seen("/a")[0].get("X-Name").encode("utf-8", "surrogateescape") == b"caf\xe9"


@pytest.mark.requirement("9110§15.2.2 no-protocol-is-switched-to-unasked")
async def test_a_switch_of_protocols_that_nobody_asked_for_is_a_failure(world):
    world.origin.answers(
        "/a", raw=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    )
    got = await world.get("/a")
    assert got.status == 502
    assert "http_protocol_error" in got.fields["Proxy-Status"]


@pytest.mark.parametrize("failure", [{"status": 503}, {"raw": b""}], ids=["503", "no response"])
async def test_what_comes_after_a_failure_is_stored_at_once(world, failure):
    world.origin.answers("/a", b"", **failure)
    assert (await world.get("/a")).status >= 500
    world.origin.answers("/a", b"good", Cache_Control="max-age=60")
    assert ";stored" in (await world.get("/a")).cache_status[-1]
    assert ";hit" in (await world.get("/a")).cache_status[-1]
