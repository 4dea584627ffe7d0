"""Writes docs/conformance.md from the rows and from the marks of the tests: python -m tests.conformance_page."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.requirements import Requirement
from tests.requirements_http import SECTIONS

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "conformance.md"

INTRODUCTION = """\
# Conformance

What RFC 9111 asks of a shared cache or recommends to it, and what RFC 9110 and the RFCs that extend caching add to
that: each requirement in our words, its level, the rule that obeys it, and the tests that show it. The rows stand in
`tests/requirements.py` and `tests/requirements_http.py`; a test names its rows by `@pytest.mark.requirement`. The page
is written by `python -m tests.conformance_page`, and the test run fails where it differs from the marks, where a row
has no test, or where its rule does not exist. Where no level stands, the RFC defines without a key word.

"""

NOT_OURS = """\
## What is not here

- What binds origin servers, user agents, private caches, or those who write directives and fields.
- A cache without a clock (RFC 9111 §4): every node has one.
- Names of hosts behind a firewall in Via (RFC 9110 §7.6.3): nodes are named by `name` in their settings, never by host.
- If-Match and If-Unmodified-Since (RFC 9110 §13.1.1, §13.1.4): a cache leaves them to the origin, see RFC 9111 §4.3.2.
"""

Marks = Mapping[str, list[str]]


class Collector:
    """A plugin that notes which tests are marked with which requirements. A test that does not run shows nothing."""

    def __init__(self) -> None:
        self.marks: dict[str, list[str]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read the marks of the collected tests; of a table that is marked as a whole, its name alone."""
        for item in session.items:
            if any(item.get_closest_marker(name) for name in ("skip", "xfail")):
                continue
            of_row = getattr(getattr(item, "callspec", None), "marks", ())
            for mark in item.iter_markers("requirement"):
                name = item.nodeid if mark in of_row else item.nodeid.partition("[")[0]
                names = self.marks.setdefault(mark.args[0], [])
                if name not in names:
                    names.append(name)


def collected() -> Marks:
    """The tests of each requirement that is marked, by a collection in this process."""
    collector = Collector()
    options = ["--collect-only", "-p", "no:xdist", "-p", "no:cacheprovider", str(ROOT / "tests")]
    with contextlib.redirect_stdout(io.StringIO()) as told:
        code = pytest.main([*options, "--rootdir", str(ROOT)], plugins=[collector])
    if code is not pytest.ExitCode.OK:
        raise SystemExit(told.getvalue())
    return collector.marks


def collected_apart() -> Marks:
    """The same by a process of its own, for use within a test run."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.conformance_page", "--marks"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    marks: dict[str, list[str]] = json.loads(done.stdout)
    return marks


def rule_exists(rule: str) -> bool:
    """Whether `rule` names something in a module of httpcache/rules, or of httpcache."""
    module, _, name = rule.rpartition(".")
    for package in ("httpcache.rules", "httpcache"):
        try:
            return hasattr(importlib.import_module(f"{package}.{module}"), name)
        except ModuleNotFoundError:
            continue
    return False


def page(marks: Marks) -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for title, rows in SECTIONS:
        lines = [f"## {title}\n", "| § | Level | Requirement | Rule | Tests |", "|---|---|---|---|---|"]
        lines += [_row(one, marks.get(one.id, [])) for one in rows]
        parts.append("\n".join(lines) + "\n\n")
    return "".join(parts) + NOT_OURS


def _row(one: Requirement, tests: list[str]) -> str:
    where, _, _ = one.id.partition(" ")
    shown = "<br>".join(_ids(tests)) or f"not yet: {one.not_yet}"
    cells = (where.replace("§", " §"), one.level, one.words, f"`{one.rule}`", shown)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _ids(tests: list[str]) -> list[str]:
    """The tests' ids; of a table with more than three rows, its name and how many of them are marked."""
    tables: dict[str, list[str]] = {}
    for test in tests:
        tables.setdefault(test.partition("[")[0].removeprefix("tests/"), []).append(test)
    told = []
    for name, rows in tables.items():
        several = [f"`{name}` ({len(rows)} rows)"]
        told += several if len(rows) > 3 else [f"`{row.removeprefix('tests/')}`" for row in rows]
    return told


if __name__ == "__main__":
    found = collected()
    if "--marks" in sys.argv:
        print(json.dumps(found))
    else:
        PAGE.write_text(page(found))
