"""Segments that are sent from their files: looked over before, and not opened once they have changed."""

from __future__ import annotations

import os

import pytest

from tests.store.opening import SEGMENT, filled, opened, settled


async def test_a_segment_in_a_file_can_be_sent_from_there(tmp_path):
    store = await opened(tmp_path)
    one, body = filled(store, "k", SEGMENT + 10)
    body_id = one.forms[0].body_id
    await settled(store)
    place = await store.segments.locate(body_id, 0)
    path, offset, length, *_ = place
    descriptor = place.opened()
    assert os.pread(descriptor, length, offset) == body[:SEGMENT]
    os.close(descriptor)
    assert path.read_bytes()[offset : offset + length] == body[:SEGMENT]
    assert await store.segments.locate(body_id, 1) is None, "small ones stand in the database"
    assert await store.segments.locate(body_id, 2) is None
    with path.open("r+b") as file:
        file.truncate(offset + length - 1)
    assert await store.segments.locate(body_id, 0) is None, "cut short since"
    await store.close()


@pytest.mark.parametrize("change", ["in place", "by another file", "shorter"])
async def test_a_file_that_has_changed_since_it_was_looked_over_is_not_opened_to_be_sent(tmp_path, change):
    store = await opened(tmp_path)
    one, _ = filled(store, "k", SEGMENT)
    await settled(store)
    place = await store.segments.locate(one.forms[0].body_id, 0)
    other = bytearray(place.path.read_bytes())
    other[1000] ^= 1
    if change == "by another file":
        (tmp_path / "other").write_bytes(other)
        os.utime(tmp_path / "other", ns=(place.stamp[2], place.stamp[2]))
        (tmp_path / "other").replace(place.path)
    else:
        place.path.write_bytes(other if change == "in place" else other[:-1])
    with pytest.raises(OSError):
        place.opened()
    await store.close()


async def test_a_damaged_segment_has_no_place(tmp_path):
    store = await opened(tmp_path)
    one, _ = filled(store, "k", SEGMENT)
    await settled(store)
    (path,) = (tmp_path / "store").glob("??/*.val")
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(b"wrong")
    assert await store.segments.locate(one.forms[0].body_id, 0) is None
    await store.close()
