"""Which form of hot_path.py runs: one that was compiled from another edition of it never does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from httpcache.serve import hits, hot_path


def form_of_a_process(**environment: str) -> str:
    """Which form a process with this environment takes."""
    command = [sys.executable, "-c", "from httpcache.serve import hits; print(hits.FORM)"]
    variables = {name: value for name, value in os.environ.items() if name != hits.PURE} | environment
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_environment_decides():
    assert form_of_a_process(**{hits.PURE: "1"}) == "pure"
    assert form_of_a_process() == ("compiled" if hits.compiled() else "pure")


def test_what_was_compiled_from_another_edition_is_not_taken(tmp_path, monkeypatch):
    if hits.compiled() is None:
        pytest.skip("not compiled here")
    source, other = Path(hot_path.__file__).read_bytes(), tmp_path / "hot_path.py"
    monkeypatch.setattr(hot_path, "__file__", str(other))
    other.write_bytes(source)
    assert hits.compiled() is not None
    other.write_bytes(source + b"# changed since\n")
    assert hits.compiled() is None
