"""Tables and folders that workers and nodes share."""

from __future__ import annotations

import os
import shutil
import stat
import time

import pytest

from httpcache.store import folder
from httpcache.store.admission import SecondMiss
from httpcache.store.folder import DataFolderError, lock_data_folder
from httpcache.store.invalidations import InvalidationMarks


def test_an_invalidation_reaches_every_worker_and_the_next_start(tmp_path):
    one, other = InvalidationMarks(tmp_path / "t"), InvalidationMarks(tmp_path / "t")
    assert not one.is_invalidated("uri:a", 50.0)
    one.mark("uri:a", 100.0)
    assert other.is_invalidated("uri:a", 100.0)
    assert not other.is_invalidated("uri:a", 100.5)
    assert not other.is_invalidated("uri:b", 50.0)
    assert InvalidationMarks(tmp_path / "t").is_invalidated("uri:a", 99.0)


def test_a_clock_that_steps_back_loses_no_invalidation():
    marks = InvalidationMarks(None)
    marks.mark("a", 100.0)
    marks.mark("a", 10.0)
    assert marks.is_invalidated("a", 99.0)


def test_a_folder_is_one_nodes_at_a_time(tmp_path):
    with lock_data_folder(tmp_path / "d"):
        assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700
        with pytest.raises(DataFolderError, match="in use by another node"), lock_data_folder(tmp_path / "d"):
            pass
    with lock_data_folder(tmp_path / "d"):
        pass


def test_a_folder_that_others_may_write_to_is_refused(tmp_path):
    (tmp_path / "d").mkdir()
    os.chmod(tmp_path / "d", 0o777)
    with pytest.raises(DataFolderError, match="chmod"), lock_data_folder(tmp_path / "d"):
        pass


@pytest.fixture
def held(tmp_path, monkeypatch):
    """A folder that is held, with a key that was seen in it."""
    monkeypatch.setattr(folder, "QUIET", 0.0)
    with lock_data_folder(tmp_path / "d") as held:
        (held.path / "keys").mkdir()
        (held.path / "keys" / "node.key").write_bytes(b"key")
        assert held.look()
        yield held


def test_a_folder_that_has_gone_is_made_anew_with_its_keys(held):
    shutil.rmtree(held.path)
    assert not held.look()
    held.make_anew()
    assert held.look()
    assert (held.path / "keys" / "node.key").read_bytes() == b"key"
    assert stat.S_IMODE((held.path / "keys" / "node.key").stat().st_mode) == 0o600
    with pytest.raises(DataFolderError, match="in use by another node"), lock_data_folder(held.path):
        pass


def test_a_folder_that_another_node_has_taken_is_not_made_anew(held):
    shutil.rmtree(held.path)
    with lock_data_folder(held.path):
        assert not held.look()
        with pytest.raises(DataFolderError):
            held.make_anew()
    assert held.is_taken


def test_a_key_that_was_removed_does_not_come_back(held):
    (held.path / "keys" / "node.key").unlink()
    assert held.look()
    shutil.rmtree(held.path)
    held.make_anew()
    assert list((held.path / "keys").iterdir()) == []


def test_another_database_in_the_place_of_the_one_in_use_counts_as_none(held):
    (held.path / "store").mkdir()
    (held.path / "store" / "cache.db").touch()
    assert held.look()
    (held.path / "store" / "other").touch()
    (held.path / "store" / "other").replace(held.path / "store" / "cache.db")
    assert not held.look()
    held.make_anew()
    assert held.look()


def test_nothing_is_made_anew_while_somebody_still_removes(held, monkeypatch):
    shutil.rmtree(held.path)
    (held.path / "store").mkdir(parents=True)
    left = [held.path / "store" / str(n) for n in range(3)]
    for one in left:
        one.touch()
    monkeypatch.setattr(time, "sleep", lambda _: left.pop().unlink() if left else None)
    held.make_anew()
    assert left == []


@pytest.mark.parametrize("name", ["keys", "store", "lock"])
def test_a_part_without_which_nothing_goes_counts_as_all(held, name):
    (held.path / "store").mkdir()
    (held.path / "store" / "cache.db").touch()
    assert held.look()
    gone = held.path / name
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    assert not held.look()
    held.make_anew()
    assert held.look()


@pytest.fixture
def admission():
    """Of a store of 100 MB."""
    return SecondMiss(None, 10**8)


def test_large_objects_are_admitted_when_they_are_missed_again(admission):
    for index in range(1000):
        assert admission.admits(f"small{index}", 20_000 - index, pressed=False)
    assert admission.admits("small", 4_000, pressed=True)
    assert not admission.admits("large", 10_000, pressed=True)
    assert admission.admits("large", 10_000, pressed=True)


def test_while_there_is_room_everything_is_admitted_and_its_miss_remembered(admission):
    assert admission.admits("large", 10**6, pressed=False)
    assert admission.admits("large", 10**6, pressed=True)


def test_a_miss_is_forgotten_when_the_stores_size_was_missed_since(admission):
    assert not admission.admits("large", 10**6, pressed=True)
    for index in range(49):
        admission.admits(f"other{index}", 10**6, pressed=True)
    assert admission.admits("large", 10**6, pressed=True), "after half of the store's size"
    for index in range(101):
        admission.admits(f"another{index}", 10**6, pressed=True)
    assert not admission.admits("large", 10**6, pressed=True)


def test_workers_and_the_next_start_know_what_another_missed(tmp_path):
    one, other = (SecondMiss(tmp_path / "missed", 10**8) for _ in range(2))
    assert not one.admits("large", 10**6, pressed=True)
    assert other.admits("large", 10**6, pressed=True)
    assert SecondMiss(tmp_path / "missed", 10**8).admits("large", 10**6, pressed=True)
