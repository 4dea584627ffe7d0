"""Tables and folders that workers and nodes share."""

from __future__ import annotations

import os
import stat

import pytest

from httpcache.store.admission import SecondHit
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


def test_large_objects_are_admitted_at_their_second_request():
    admission = SecondHit()
    for index in range(100):
        assert admission.admits(f"small{index}", 100 - index / 10)
    assert not admission.admits("large", 10_000)
    assert admission.admits("large", 10_000)


def test_what_admission_remembers_is_bounded():
    admission = SecondHit(generation=10)
    for index in range(1000):
        admission.admits(f"k{index}", index * 1000)
    assert len(admission._recent) + len(admission._before) <= 20
