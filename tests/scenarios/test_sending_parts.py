"""What stands in files is sent from there also while the rest arrives, or is held in part; what is gone is asked."""

from __future__ import annotations

import asyncio

import pytest

from httpcache.serve import sending
from httpcache.serve.sending import FileSender
from tests.scenarios.ranged import SEGMENT, Large, octets
from tests.scenarios.test_sending import until
from tests.store.opening import settled

LENGTH = 6_000_000
BODY = octets(9, LENGTH)
ARRIVING = {
    "store": {"ram": "1MiB", "disk": "64MiB", "segment": "256KiB"},
    "fetch": {"held_in_ram": "512KiB"},
}
HELD_IN_PART = {
    "store": {"ram": "1MiB", "disk": "64MiB", "segment": "64KiB"},
    "fetch": {"whole_up_to": "128KiB"},
}
RANGE = f"bytes={SEGMENT + 10}-{4 * SEGMENT - 1}"


@pytest.fixture
def sent(monkeypatch):
    """The octets that the kernel took, each time that it was asked to send some."""
    counts, really = [], sending._send

    def note(descriptor, file, place, already):
        counts.append(really(descriptor, file, place, already))
        return counts[-1]

    monkeypatch.setattr(sending, "_send", note)
    return counts


@pytest.fixture
def vanishing(monkeypatch):
    """Numbers of places, as they come to be sent, whose files vanish the moment before."""
    numbers, really, count = set(), FileSender.send, iter(range(1000))

    async def send(sender, place, delivery):
        if next(count) in numbers:
            place.path.unlink()
        await really(sender, place, delivery)

    monkeypatch.setattr(FileSender, "send", send)
    return numbers


async def test_who_joins_late_is_sent_what_has_come_from_its_files(worlds, sent):
    async with worlds(tiers=1, **ARRIVING) as world:
        gate = asyncio.Event()
        world.origin.answers("/a", BODY, Cache_Control="max-age=60", body_gate=gate)
        first = asyncio.create_task(world.get("/a"))
        await world.origin.has_seen("/a", 1)
        await until(lambda: received(world) >= LENGTH // 2)
        late = asyncio.create_task(world.get("/a"))
        await until(lambda: sum(sent) > 2_000_000)
        assert received(world) < LENGTH, "it is still arriving"
        gate.set()
        assert (await first).body == (await late).body == BODY
        assert len(world.origin.seen("/a")) == 1


async def test_what_is_lost_while_the_rest_arrives_ends_the_answer_of_who_wants_it_alone(
    worlds, sent, vanishing
):
    async with worlds(tiers=1, **ARRIVING) as world:
        gate = asyncio.Event()
        world.origin.answers("/a", BODY, Cache_Control="max-age=60", body_gate=gate)
        first = asyncio.create_task(world.get("/a"))
        await world.origin.has_seen("/a", 1)
        await until(lambda: received(world) >= LENGTH // 2)
        await until(lambda: reading(world) >= LENGTH // 2)  # the first has all that has come
        vanishing.add(0)
        host, port = world.edges[0].settings.listen.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /a HTTP/1.1\r\nHost: site.example\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.read(-1) == b"", "octets that nobody has any more"
        writer.close()
        gate.set()
        assert (await first).body == BODY


async def test_what_is_lost_while_the_rest_arrives_is_asked_for_where_the_tag_tells_that_it_is_the_same(
    worlds, sent, vanishing
):
    async with worlds(tiers=1, **ARRIVING) as world:
        gate = asyncio.Event()
        resource = Large(length=LENGTH, body_gate=gate)
        world.origin.does("/large", resource)
        first = asyncio.create_task(world.get("/large"))
        await world.origin.has_seen("/large", 1)
        await until(lambda: received(world) >= LENGTH // 2)
        await until(lambda: reading(world) >= LENGTH // 2)
        vanishing.add(1)
        late = asyncio.create_task(world.get("/large"))
        await until(lambda: len(resource.asked) == 2)
        gate.set()
        assert (await first).body == (await late).body == resource.body
        assert resource.asked == [None, f"bytes={256 * 2**10}-{512 * 2**10 - 1}"]


async def test_what_is_held_in_part_is_sent_from_its_files(worlds, sent):
    async with worlds(tiers=1, **HELD_IN_PART) as world:
        resource = Large()
        world.origin.does("/large", resource)
        await held(world, RANGE)
        got = await world.get("/large", Range=RANGE)
        assert (got.status, got.body) == (206, resource.body[SEGMENT + 10 : 4 * SEGMENT])
        assert sum(sent) == 3 * SEGMENT - 10
        assert resource.sent == 3 * SEGMENT


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_of_what_is_held_in_part_what_is_lost_is_asked_for(worlds, sent, vanishing, number):
    async with worlds(tiers=1, **HELD_IN_PART) as world:
        resource = Large()
        world.origin.does("/large", resource)
        await held(world, RANGE)
        vanishing.add(number)
        asked = f"bytes={SEGMENT + 10}-{5 * SEGMENT - 1}"
        got = await world.get("/large", Range=asked)
        assert (got.status, got.body) == (206, resource.body[SEGMENT + 10 : 5 * SEGMENT])


async def held(world, asked: str) -> None:
    """Have a range stand on the disk of the edge."""
    await world.get("/large", Range=asked)
    await world.edges[0].worker.transactions.drain()
    await settled(world.edges[0].worker.tier.store)


def arrivings(world) -> list:
    """The bodies that arrive at the edge."""
    flights = world.edges[0].worker.tier.collapser._in_flight.values()
    return [flight.landed.result()[1].arriving for flight in flights if flight.landed.done()]


def received(world) -> int:
    """Octets that have come of the body that arrives."""
    return sum(one.received for one in arrivings(world))


def reading(world) -> int:
    """How far the slowest of its readers has come."""
    return min((at for one in arrivings(world) for at in one._readers.values()), default=0)
