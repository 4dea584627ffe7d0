"""The project about itself: the map is true, every file says its job, no file is a house."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture_page import FOLDERS, PAGE, ROOT, first_line, page

FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def test_architecture_names_each_file_and_its_job():
    assert PAGE.read_text() == page(), "run: .venv/bin/python -m tests.architecture_page"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_file_says_its_job_and_is_one_room(path: Path):
    text = path.read_text()
    assert not text.strip() or first_line(path)
    assert text.count("\n") <= 330


def test_the_import_contract_holds():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
