"""docs/settings.md is what the code says."""

from __future__ import annotations

from pathlib import Path

from edgeward.settings_page import page
from httpcache.settings import Settings, admin_port


def test_the_page_in_docs_agrees_with_the_code():
    on_disk = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    assert on_disk == page(), "print it again: python -m edgeward.settings_page > docs/settings.md"


def test_every_setting_is_on_the_page_with_a_meaning():
    for line in page().splitlines():
        if line.startswith("| `"):
            assert len(line.rstrip(" |").split("|")[-1]) > 10, line
    for name in Settings.model_fields:
        assert f"`{name}`" in page() or f"[{name}]" in page()


def test_the_page_says_where_the_admin_listener_is_whatever_the_port():
    assert (admin_port(64535), admin_port(64536)) == (65535, 63536)
    rows = [line for line in page().splitlines() if line.startswith(("| `admin`", "| `log_at`"))]
    assert len(rows) == 2 and all("plus 1000" in row and "minus 1000 above 64535" in row for row in rows)
