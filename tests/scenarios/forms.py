"""Both forms in which hits run: hot_path.py as it stands, and compiled where the package's build could compile it."""

from __future__ import annotations

from types import ModuleType

import pytest

from httpcache.serve import fast_lane, hits, hot_path, ready, worker

COMPILED = hits.compiled()
FORMS = [
    pytest.param(hot_path, id="pure"),
    pytest.param(
        COMPILED, id="compiled", marks=pytest.mark.skipif(COMPILED is None, reason="not compiled here")
    ),
]

USED = {
    fast_lane: ("HeadMemo", "HitLane", "KnownHead"),
    ready: ("Ready",),
    worker: ("HitTally",),
}
"""What of it is used, and where."""


def run_in(form: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the workers that are made from now on run hits in this form."""
    for module, names in USED.items():
        for name in names:
            monkeypatch.setattr(module, name, getattr(form, name))
