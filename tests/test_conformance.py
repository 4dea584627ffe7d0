"""docs/conformance.md is true: no row without a test, no mark without a row, no rule that is not there."""

from __future__ import annotations

import pytest

from tests.conformance_page import PAGE, Marks, collected_apart, page, rule_exists
from tests.requirements_http import REQUIREMENTS

LEVELS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "")


@pytest.fixture(scope="module")
def marks() -> Marks:
    """The tests of each requirement."""
    return collected_apart()


@pytest.mark.slow
def test_the_page_is_what_the_rows_and_the_marks_make(marks):
    assert PAGE.read_text() == page(marks), "run: .venv/bin/python -m tests.conformance_page"


@pytest.mark.slow
def test_every_mark_names_a_row(marks):
    assert sorted(set(marks) - {one.id for one in REQUIREMENTS}) == []


@pytest.mark.slow
def test_every_row_has_a_test_or_says_why_not_yet(marks):
    assert [one.id for one in REQUIREMENTS if (one.id in marks) is bool(one.not_yet)] == []


def test_every_rule_that_a_row_names_exists():
    assert [one.id for one in REQUIREMENTS if not rule_exists(one.rule)] == []


def test_every_row_stands_once_and_has_a_level():
    ids = [one.id for one in REQUIREMENTS]
    assert len(ids) == len(set(ids))
    assert all(one.level in LEVELS for one in REQUIREMENTS)
