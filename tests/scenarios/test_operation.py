"""What operators rely on: draining, readiness, metrics, the access log, a client that leaves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest


async def fetch(world, path: str) -> tuple[int, str]:
    """Status and text of a path on the edge's admin listener."""
    async with world.session.get(world.edges[0].admin_url + path) as response:
        return response.status, await response.text()


async def test_a_drain_finishes_what_is_under_way_and_accepts_nothing_new(world):
    gate = asyncio.Event()
    world.origin.answers("/a", b"1" * 1000 + b"2" * 1000, Cache_Control="max-age=60", body_gate=gate)
    edge = world.edges[0]
    under_way = asyncio.create_task(world.get("/a"))
    await world.origin.has_seen("/a", 1)
    worker, edge.worker = edge.worker, None
    draining = asyncio.create_task(worker.drain())
    async with asyncio.timeout(5):
        while worker._server.is_serving():
            await asyncio.sleep(0.005)
    async with aiohttp.ClientSession() as other:
        with pytest.raises(aiohttp.ClientConnectorError):
            await other.get(f"{edge.url}/b")
    assert not draining.done()
    gate.set()
    assert (await under_way).body == b"1" * 1000 + b"2" * 1000
    await asyncio.wait_for(draining, 5)


async def test_a_client_that_leaves_does_not_end_the_fetch_for_the_rest(world):
    gate = asyncio.Event()
    world.origin.answers("/a", b"x" * 5000, Cache_Control="max-age=60", gate=gate)
    leader = asyncio.create_task(world.get("/a"))
    await world.origin.has_seen("/a", 1)
    waiter = asyncio.create_task(world.get("/a"))
    async with asyncio.timeout(5):
        while world.edges[0].worker.tier.collapser.waiting < 1:
            await asyncio.sleep(0.005)
    leader.cancel()
    gate.set()
    assert (await waiter).body == b"x" * 5000
    assert len(world.origin.seen("/a")) == 1


async def test_a_leader_that_left_leaves_no_connection_to_the_next_hop_open(worlds):
    async with worlds(tiers=1) as world:
        gate = asyncio.Event()
        world.origin.answers("/a", b"x" * 5_000_000, Cache_Control="no-store", gate=gate)
        leader = asyncio.create_task(world.get("/a"))
        await world.origin.has_seen("/a", 1)
        leader.cancel()
        gate.set()
        async with asyncio.timeout(5):
            while world.origin._connections:
                await asyncio.sleep(0.005)


async def test_health_and_readiness_are_told_on_the_admin_listener(world):
    assert await fetch(world, "/healthz") == (200, "ok\n")
    status, text = await fetch(world, "/readyz")
    assert status == 200
    assert json.loads(text)["workers"][0]["following"] is True


async def test_an_edge_that_lost_the_purge_log_says_so_and_validates_before_it_answers(worlds):
    async with worlds(purge={"lag_limit": 0.3, "heartbeat": 0.05}) as world:
        world.origin.answers("/a", b"x", Cache_Control="max-age=600", ETag='"1"')
        await world.get("/a")
        assert (await fetch(world, "/readyz"))[0] == 200
        keeper, world.shield.admin = world.shield.admin, None
        await keeper.close()
        async with asyncio.timeout(10):
            while not json.loads((await fetch(world, "/readyz"))[1])["workers"][0]["cut_off"]:
                await asyncio.sleep(0.01)
        assert (await fetch(world, "/readyz"))[0] == 503
        got = await world.get("/a")
        assert got.body == b"x"
        assert "fwd=stale" in got.cache_status[-1]
        assert "detail=purge-log-silent" in got.cache_status[-1]


async def test_the_access_log_has_one_json_object_for_each_request(worlds, tmp_path):
    path = tmp_path / "access.log"
    async with worlds(observe={"access_log": str(path)}, tiers=1) as world:
        world.origin.answers("/a", b"12345", Cache_Control="max-age=60")
        await world.get("/a")
        await world.get("/a")
        world.edges[0].worker.hits.flush()
        world.edges[0].worker.log.flush()
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        lines.sort(key=lambda line: line["time"])  # hits are told in batches
    assert [(line["served"], line["status"], line["bytes"]) for line in lines] == [
        ("miss", 200, 5),
        ("hit", 200, 5),
    ]
    assert {line["uri"] for line in lines} == {"http://site.example/a"}


async def test_a_response_of_two_ranges_comes_in_parts(world):
    world.origin.answers("/a", b"0123456789", Cache_Control="max-age=60", Content_Type="text/x-digits")
    await world.get("/a")
    got = await world.get("/a", Range="bytes=0-1,8-")
    boundary = got.fields["Content-Type"].partition("boundary=")[2]
    assert got.status == 206
    assert len(got.body) == int(got.fields["Content-Length"])
    parts = got.body.split(f"--{boundary}".encode())
    assert parts[-1] == b"--\r\n"
    assert [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts[1:-1]] == [b"01", b"89"]
    assert b"Content-Range: bytes 8-9/10" in parts[2]


async def test_a_range_beyond_the_end_is_a_416(world):
    world.origin.answers("/a", b"0123456789", Cache_Control="max-age=60")
    await world.get("/a")
    got = await world.get("/a", Range="bytes=10-")
    assert (got.status, got.body, got.fields["Content-Range"]) == (416, b"", "bytes */10")


@pytest.mark.parametrize("tiers", [1, 2])
async def test_large_bodies_pass_with_bounded_ram_and_are_stored(worlds, tiers):
    body = bytes(range(256)) * 100_000
    limits = {
        "fetch": {"held_in_ram": "1MiB"},
        "store": {"ram": "4MiB", "disk": "256MiB", "segment": "256KiB"},
    }
    async with worlds(tiers=tiers, **limits) as world:
        world.origin.answers("/big", body, Cache_Control="max-age=600", ETag='"1"', chunked=True)
        assert (await world.get("/big")).body == body
        again = await world.get("/big")
        assert ";hit" in again.cache_status[-1]
        assert again.body == body
        part = await world.get("/big", Range="bytes=1000000-1999999")
        assert (part.status, part.body) == (206, body[1_000_000:2_000_000])
        assert len(world.origin.seen("/big")) == 1


async def test_without_a_disk_large_bodies_still_pass(worlds):
    body = bytes(range(256)) * 40_000
    limits = {"fetch": {"held_in_ram": "1MiB"}, "store": {"ram": "4MiB", "disk": 0, "segment": "256KiB"}}
    async with worlds(tiers=1, **limits) as world:
        world.origin.answers("/big", body, Cache_Control="max-age=600")
        world.origin.answers("/small", b"s", Cache_Control="max-age=600")
        for target, expected in (("/big", body), ("/big", body), ("/small", b"s"), ("/small", b"s")):
            assert (await world.get(target)).body == expected
        assert len(world.origin.seen("/small")) == 1


async def test_a_stored_body_that_was_damaged_is_fetched_anew(world):
    body = bytes(range(256)) * 8000
    world.origin.answers("/a", body, Cache_Control="max-age=600")
    await world.get("/a")
    for node in world.nodes:
        await node.restart()
        for file in (Path(node.settings.data_folder) / "store").glob("??/*.val"):
            file.write_bytes(file.read_bytes()[:-1] + b"!")
    got = await world.get("/a")
    assert got.body == body
    assert ";hit" not in got.cache_status[-1]
    assert (await world.get("/a")).body == body
    assert len(world.origin.seen("/a")) == 2


async def test_every_request_is_logged_once_however_it_ended(worlds, tmp_path):
    path = tmp_path / "access.log"
    async with worlds(observe={"access_log": str(path)}, tiers=1) as world:
        world.origin.answers("/plain", b"12345", Cache_Control="no-store")
        world.origin.answers("/cut", b"x" * 50_000, cut=10_000)
        gate = asyncio.Event()
        world.origin.answers("/slow", b"1" * 1000 + b"2" * 1000, body_gate=gate, Cache_Control="max-age=60")
        for _ in range(20):
            async with aiohttp.ClientSession() as short, short.get(f"{world.edges[0].url}/plain") as response:
                await response.read()
        with pytest.raises(aiohttp.ClientError):
            await world.get("/cut")
        leaving = asyncio.create_task(world.get("/slow"))
        await world.origin.has_seen("/slow", 1)
        await asyncio.sleep(0.05)
        leaving.cancel()
        async with asyncio.timeout(5):
            while True:
                world.edges[0].worker.log.flush()
                lines = [json.loads(line) for line in path.read_text().splitlines()]
                if len(lines) >= 22:
                    break
                await asyncio.sleep(0.01)
        gate.set()
    ends = sorted((line["uri"].rpartition("/")[2], line["end"]) for line in lines if line["end"])
    assert ends == [("cut", "broken-off"), ("slow", "client-left")]
    assert len(lines) == 22


async def test_one_clients_wish_does_not_make_a_key_uncacheable_for_the_rest(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=600")
    await world.get("/a", Cache_Control="no-store")
    await world.get("/a", Authorization="me")
    await world.get("/a")
    assert ";hit" in (await world.get("/a")).cache_status[-1]


async def test_a_failing_origin_is_asked_once_for_each_request(worlds):
    async with worlds(tiers=1) as world:
        world.origin.answers("/a", b"x", Cache_Control="max-age=600, stale-if-error=600", ETag='"1"')
        await world.get("/a")
        world.origin.answers("/a", b"done")
        await world.ask(world.edges[0], "/a", method="POST", body=b"x")
        world.origin.answers("/a", b"broken", status=503)
        assert (await world.get("/a")).status == 503
        assert len(world.origin.seen("/a", "GET")) == 2


async def test_an_unknown_method_is_forwarded_on_a_connection_that_was_used_before(world):
    world.origin.answers("/a", b"ok")
    for method in ("GET", "BREW", "POST", "STIR", "GET"):
        assert (await world.ask(world.edges[0], "/a", method=method)).body == b"ok"
    assert [one.method for one in world.origin.requests] == ["GET", "BREW", "POST", "STIR", "GET"]


async def test_the_address_that_a_trusted_proxy_tells_is_believed_and_no_other(worlds):
    async with worlds(serve={"trusted_proxies": ["127.0.0.1"], "drain": 2}) as world:
        world.origin.answers("/a", b"ok")
        await world.get("/a", X_Forwarded_For="6.6.6.6, 203.0.113.7")
        assert world.origin.requests[0].get("X-Forwarded-For") == "203.0.113.7"
