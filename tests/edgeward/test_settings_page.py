"""docs/settings.md is what the code says."""

from __future__ import annotations

from pathlib import Path

from edgeward.settings_page import page
from httpcache.settings import Settings


def test_the_page_in_docs_agrees_with_the_code():
    on_disk = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    assert on_disk == page(), "print it again: python -m edgeward.settings_page > docs/settings.md"


def test_every_setting_is_on_the_page_with_a_meaning():
    for line in page().splitlines():
        if line.startswith("| `"):
            assert len(line.rstrip(" |").split("|")[-1]) > 10, line
    for name in Settings.model_fields:
        assert f"`{name}`" in page() or f"[{name}]" in page()
