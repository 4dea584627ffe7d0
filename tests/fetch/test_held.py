"""What all arriving bodies of a worker hold in RAM: bounded, and counted until their readers have gone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from httpcache.fetch.arriving import ArrivingBody
from httpcache.fetch.held import HeldInAll
from tests.fetch.test_arriving import SIZE, Kept, everything


@given(
    lengths=st.lists(st.tuples(st.integers(0, 12 * SIZE), st.booleans()), min_size=1, max_size=8),
    writes=st.lists(st.tuples(st.integers(0, 7), st.integers(1, 3 * SIZE)), max_size=60),
    limit=st.integers(0, 8 * SIZE),
    refuse=st.booleans(),
)
async def test_what_all_bodies_hold_is_bounded_by_the_limit_and_a_segment_of_each_that_begins_beyond_it(
    lengths, writes, limit, refuse
):
    room, bodies = HeldInAll(limit), []
    for number, (length, is_told) in enumerate(lengths):
        told = length if is_told else None
        one = ArrivingBody(str(number), told, Kept(refuse=refuse), size=SIZE, held=100 * SIZE, room=room)
        bodies.append((one, length))
        one.abandon()  # nobody reads: what cannot be kept waits for no one
    most = limit + SIZE * len(bodies)
    for number, octets in writes:
        one, length = bodies[number % len(bodies)]
        await one.write(b"x" * min(octets, length - one.received))
        held = [sum(map(len, each._ram.values())) for each, _ in bodies]
        assert sum(held) <= room.used <= most
        assert room.used <= max(limit, SIZE * len(bodies)), (
            "nobody began beyond it who was not counted before"
        )
    for one, _ in bodies:
        one.finish()
    assert room.used == sum(sum(map(len, each._ram.values())) for each, _ in bodies)
    bodies.clear()
    del one
    assert room.used == 0


async def test_a_body_gives_way_to_others_that_begin_when_room_is_used_up():
    room = HeldInAll(4 * SIZE)
    first = ArrivingBody("first", None, Kept(), size=SIZE, held=100 * SIZE, room=room)
    await first.write(b"x" * 4 * SIZE)
    assert room.used == 4 * SIZE
    assert not first.spilled
    others = [ArrivingBody(str(n), None, Kept(), size=SIZE, held=100 * SIZE, room=room) for n in range(3)]
    assert room.used == 7 * SIZE
    await first.write(b"x")
    assert room.used == 4 * SIZE
    assert await everything_of(first) == b"x" * (4 * SIZE + 1)
    del others


async def everything_of(arriving: ArrivingBody) -> bytes:
    reader = arriving.read()
    arriving.finish()
    return await everything(reader)


async def test_what_a_body_holds_counts_until_its_last_reader_has_gone():
    room = HeldInAll(4 * SIZE)
    arriving = ArrivingBody("b", None, Kept(), size=SIZE, held=100 * SIZE, room=room)
    await arriving.write(b"x" * 2 * SIZE)
    reader = arriving.read()
    arriving.finish()
    del arriving
    assert room.used == 2 * SIZE
    assert await everything(reader) == b"x" * 2 * SIZE
    del reader
    assert room.used == 0
