"""docs/metrics.md says what the code counts."""

from __future__ import annotations

from pathlib import Path

from edgeward.metrics_page import page

PAGE = Path(__file__).parent.parent.parent / "docs" / "metrics.md"


def test_the_page_and_the_code_agree():
    assert PAGE.read_text() == page(), "run: .venv/bin/python -m edgeward.metrics_page > docs/metrics.md"
