"""docs/metrics.md says what the code counts."""

from __future__ import annotations

import re
from pathlib import Path

from edgeward.metrics_page import VALUES, families, page

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "metrics.md"


def test_the_page_and_the_code_agree():
    assert PAGE.read_text() == page(), "run: .venv/bin/python -m edgeward.metrics_page > docs/metrics.md"


def test_every_label_of_every_metric_has_its_values_on_the_page():
    told = {(label, family) for label, of in VALUES for family in of}
    assert told == {
        (label, metric.describe()[0].name) for metric in families() for label in metric._labelnames
    }
    for value in (
        "`hit`",
        "`waited-too-long`",
        "`idle`",
        "`orphans`",
        "`br`",
        "`disk`",
        "`connection_refused`",
    ):
        assert value in page().partition("## Values of labels")[2]


def test_nothing_is_counted_under_a_value_that_the_page_does_not_know():
    """Values come from enumerations, which the page prints: none is written where it is counted."""
    for path in (ROOT / "httpcache").rglob("*.py"):
        literals = re.findall(
            r"""(?:\.labels|\.fault|\.guarded|end_head)\([^()]*?["']([a-z-]+)["']""", path.read_text()
        )
        assert path.name == "metrics.py" or not literals, (path, literals)
