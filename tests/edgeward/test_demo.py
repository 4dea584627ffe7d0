"""The demo, as an operator runs it: it shows that the checks hold, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = ["--edges", "2", "--requests", "400", "--objects", "50"]


def start(folder, *arguments):
    """The demo with its temporary folders in `folder`, which also marks its processes."""
    return subprocess.Popen(
        [sys.executable, "-m", "edgeward", "demo", *SMALL, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(folder), "COLUMNS": "200"},
    )


def left_behind(folder):
    """Command lines of processes that were started with this folder in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={folder}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes())
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_the_demo_shows_that_its_checks_hold_and_leaves_nothing_behind(tmp_path):
    demo = start(tmp_path)
    told, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, told
    assert "every check holds" in told
    assert len(re.findall(r"edge-\d, first request is a miss", told)) == 2
    assert len(re.findall(r"edge-\d, second request is a hit", told)) == 2
    assert not left_behind(tmp_path)
    assert not list(tmp_path.glob("edgeward-demo-*"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_told_to_stop_leaves_nothing_behind(tmp_path, number):
    demo = start(tmp_path)
    assert demo.stdout is not None
    told = ""
    for line in demo.stdout:
        told += line
        if "edgeward edge" in line:
            break
    demo.send_signal(number)
    told += demo.communicate(timeout=60)[0]
    assert demo.returncode == 1 or "every check holds" in told, told  # it may have come to its end before
    assert "Traceback" not in told
    assert not left_behind(tmp_path)
    assert not list(tmp_path.glob("edgeward-demo-*"))


@pytest.mark.slow
def test_a_demo_that_stays_ends_well_when_it_is_told_to_stop(tmp_path):
    demo = start(tmp_path, "--stay")
    assert demo.stdout is not None
    told = ""
    for line in demo.stdout:
        told += line
        if "folder " in line and "Staying" in told:
            break
    demo.send_signal(signal.SIGINT)
    told += demo.communicate(timeout=60)[0]
    assert demo.returncode == 0, told
    assert not left_behind(tmp_path)
