"""Which form of hot_path.py runs: the compiled one where the package's build made it, else the module as it stands."""

from __future__ import annotations

import hashlib
import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from httpcache.serve import hot_path

PURE = "EDGEWARD_PURE"
"""Set in the environment, it has hits run through the module as it stands."""


def compiled() -> Any:
    """The compiled form of the module that stands here, or None; one of another edition does not count."""
    try:
        found = importlib.import_module("httpcache.serve._hot_path")
        source = Path(hot_path.__file__).read_bytes()
    except (ImportError, OSError):
        return None
    return found if hashlib.sha256(source).hexdigest() == found.SOURCE else None


if TYPE_CHECKING:
    from httpcache.serve.hot_path import HeadMemo, HitLane, HitTally, KnownHead, Ready

    FORM: str
else:
    _form = None if os.environ.get(PURE) else compiled()
    FORM = "compiled" if _form else "pure"
    _form = _form or hot_path
    HeadMemo, HitLane, HitTally = _form.HeadMemo, _form.HitLane, _form.HitTally
    KnownHead, Ready = _form.KnownHead, _form.Ready

__all__ = ("FORM", "HeadMemo", "HitLane", "HitTally", "KnownHead", "Ready", "compiled")
