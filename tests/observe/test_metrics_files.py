"""The files in which workers count, on a disk with room and on one without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from httpcache.observe.metrics_files import KINDS, SIZE

COUNTING = """
import os, resource, shutil, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1))
from httpcache.observe import metrics
if "vanishes" in sys.argv:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"])
for status in range(100, 600):
    metrics.FETCHES.labels(str(status)).inc()
metrics.LATENCY.labels("hit").observe(0.1)
metrics.PURGE_APPLIED.set(3), metrics.PURGE_LAG.set(1), metrics.CONNECTIONS.set(2)
"""


def counting(folder: Path, largest_file: int, *how: str) -> int:
    """The exit code of a process that counts."""
    return subprocess.run(
        [sys.executable, "-c", COUNTING, str(largest_file), *how],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
        cwd=Path(__file__).parents[2],
        check=False,
    ).returncode


@pytest.mark.slow
def test_every_file_has_its_blocks_before_anything_is_counted(tmp_path):
    assert counting(tmp_path, -1) == 0
    files = sorted(tmp_path.iterdir())
    assert {path.name.rpartition("_")[0] for path in files} == set(KINDS)
    assert all(path.stat().st_size == SIZE <= path.stat().st_blocks * 512 for path in files)


@pytest.mark.slow
def test_without_room_a_worker_counts_for_itself(tmp_path):
    assert counting(tmp_path, 4096) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_folder_that_vanishes_before_anything_is_counted_costs_no_request(tmp_path):
    folder = tmp_path / "metrics"
    folder.mkdir()
    assert counting(folder, -1, "vanishes") == 0
    assert not folder.exists()
