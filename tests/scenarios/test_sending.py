"""Stored bodies too large for RAM are sent from their files: every octet, at any pace, and never a wrong one."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import aiohttp
import pytest
import uvloop

from httpcache.serve import sending
from httpcache.serve.sending import FileSender
from tests.scenarios.ranged import octets
from tests.scenarios.world import World
from tests.store.opening import settled

LENGTH = 5_000_001
BODY = octets(7, LENGTH)
SHAPE = {"store": {"ram": "1MiB", "disk": "64MiB", "segment": "256KiB"}}


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request, tmp_path):
    """Runs a play on the loop that workers have, and on Python's own."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def play(scene, **shape):
        async def all_of_it():
            async with World(tmp_path, tiers=1, **SHAPE, **shape) as world:
                world.origin.answers("/a", BODY, Cache_Control="max-age=60", ETag='"1"')
                assert (await world.get("/a")).body == BODY
                await world.edges[0].worker.transactions.drain()
                await settled(world.edges[0].worker.tier.store)
                await scene(world)

        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(all_of_it())

    return play


@pytest.fixture(params=["cached", "on disk"])
def sent(request, monkeypatch):
    """How many octets the kernel took, each time that it was asked to send some."""
    asked, really = [], sending._send

    def note(descriptor, file, place, already):
        count = really(descriptor, file, place, already)
        asked.append(count)
        return count

    monkeypatch.setattr(sending, "_send", note)
    if request.param == "on disk":
        monkeypatch.setattr(sending, "_is_cached", lambda *_: False)
    return asked


def test_a_large_stored_body_is_sent_from_its_files(run, sent):
    async def scene(world):
        got = await world.get("/a")
        assert got.body == BODY
        assert got.cache_status[-1].startswith("edge-1;hit")
        # The rest is small enough to stand in the database.
        await until(lambda: sum(sent) == LENGTH - LENGTH % (256 * 2**10))

    run(scene)


def test_a_range_is_sent_from_its_segments_alone(run, sent):
    async def scene(world):
        got = await world.get("/a", Range="bytes=1000000-1999999")
        assert (got.status, got.body) == (206, BODY[1_000_000:2_000_000])
        await until(lambda: sum(sent) == 1_000_000)
        parts = await world.get("/a", Range="bytes=5-9, 3000000-3999999")
        assert parts.status == 206
        assert len(parts.body) == int(parts.fields["Content-Length"])
        assert BODY[3_000_000:4_000_000] in parts.body
        assert BODY[5:10] in parts.body

    run(scene)


def test_several_answers_on_one_connection_do_not_overtake_each_other(run, sent):
    async def scene(world):
        host, port = world.edges[0].settings.listen.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        ask = b"GET /a HTTP/1.1\r\nHost: site.example\r\nRange: bytes=%d-%d\r\n\r\n"
        spans = [(0, 2_000_000), (10, 20), (4_000_000, 5_000_000), (262_143, 262_144)]
        writer.write(b"".join(ask % span for span in spans))
        for first, last in spans:
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(last - first + 1) == BODY[first : last + 1]
        writer.close()

    run(scene)


def test_a_slow_client_gets_every_octet_and_others_do_not_wait_for_it(run, sent):
    async def scene(world):
        host, port = world.edges[0].settings.listen.split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**16)
        writer.write(b"GET /a HTTP/1.1\r\nHost: site.example\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(3):
            assert (await world.get("/a")).body == BODY
        assert await reader.readexactly(LENGTH) == BODY
        writer.close()

    run(scene)


def test_a_client_that_leaves_takes_its_descriptor_along(run, sent):
    async def scene(world):
        host, port = world.edges[0].settings.listen.split(":")
        before = descriptors()
        for _ in range(5):
            reader, writer = await asyncio.open_connection(host, int(port), limit=2**16)
            writer.write(b"GET /a HTTP/1.1\r\nHost: site.example\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()
        await until(lambda: descriptors() <= before)
        assert (await world.get("/a")).body == BODY

    run(scene)


def test_a_segment_that_was_damaged_is_never_sent(run, sent):
    async def scene(world):
        assert (await world.get("/a")).body == BODY
        files = sorted(world.edges[0].worker.tier.store.disk._database.folder.rglob("*.val"))
        damaged = next(one for one in files if BODY[1_310_720 : 1_310_720 + 1000] in one.read_bytes())
        octets_of_it = bytearray(damaged.read_bytes())
        octets_of_it[1000] ^= 1
        damaged.write_bytes(octets_of_it)
        host, port = world.edges[0].settings.listen.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /a HTTP/1.1\r\nHost: site.example\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        body = await reader.read(-1)
        assert len(body) == 1_310_720 and BODY.startswith(body), "it ends where the damage begins"
        writer.close()
        assert (await world.get("/a")).body == BODY
        whole = [one for one in world.origin.seen("/a") if one.get("Range") is None]
        assert len(whole) == 2, "what is damaged is forgotten; this origin sends no part of it"

    run(scene)


def test_octets_that_rotted_on_the_medium_without_a_new_stamp_are_not_sent(run, monkeypatch):
    async def scene(world):
        assert (await world.get("/a")).body == BODY  # looked over, and remembered as whole
        disk = world.edges[0].worker.tier.store.disk
        (stored,) = world.edges[0].worker.tier.store.look_up("http://site.example/a")
        third = await disk.locate(stored.forms[0].body_id, 2)
        about = third.path.stat()
        with third.path.open("r+b") as file:
            file.seek(1000)
            file.write(b"rot")
        os.utime(third.path, ns=(about.st_atime_ns, about.st_mtime_ns))
        assert await disk.locate(stored.forms[0].body_id, 2) == third, "nothing tells"
        monkeypatch.setattr(sending, "_is_cached", lambda *_: False)
        with contextlib.suppress(aiohttp.ClientPayloadError):
            assert (await world.get("/a")).body == BODY
        assert (await world.get("/a")).body == BODY

    run(scene)


def test_a_file_that_changes_between_the_look_and_the_sending_is_not_sent(run, sent, monkeypatch):
    async def scene(world):
        assert (await world.get("/a")).body == BODY
        really = FileSender.send

        async def send(sender, place, delivery):
            if place.stamp in spoilt:
                place.path.write_bytes(bytes(place.offset + place.length))
            await really(sender, place, delivery)

        disk = world.edges[0].worker.tier.store.disk
        (stored,) = world.edges[0].worker.tier.store.look_up("http://site.example/a")
        third = await disk.locate(stored.forms[0].body_id, 2)
        spoilt = {third.stamp}
        monkeypatch.setattr(FileSender, "send", send)
        host, port = world.edges[0].settings.listen.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /a HTTP/1.1\r\nHost: site.example\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.read(-1) == BODY[: 2 * 262_144]
        writer.close()
        with contextlib.suppress(aiohttp.ClientPayloadError):  # it is found bad, and forgotten
            await world.get("/a")
        assert (await world.get("/a")).body == BODY

    run(scene)


def test_what_goes_past_the_transport_overtakes_nothing_that_waits_there(run, sent):
    async def scene(world):
        world.origin.answers("/small", b"small", Cache_Control="max-age=60", ETag='"2"')
        await world.get("/small")
        asked = ["/small", "/a", "/small", "/a", "/a", "/small"]
        host, port = world.edges[0].settings.listen.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        lines = [f"GET {target} HTTP/1.1\r\nHost: site.example\r\n\r\n" for target in asked]
        writer.write("".join(lines).encode())
        for target in asked:
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            expected = b"small" if target == "/small" else BODY
            assert await reader.readexactly(len(expected)) == expected
        writer.close()

    run(scene)


async def until(condition) -> None:
    """Wait for what a thread, or a connection that ends, is about to tell."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def descriptors() -> int:
    """Sockets that are open."""
    found = 0
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += one.readlink().name.startswith("socket:")
    return found
