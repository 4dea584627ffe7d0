"""Which form of hot_path.py and receiving.py runs: the compiled one where the build made it, else that which stands."""

from __future__ import annotations

import hashlib
import importlib
import os
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from httpcache.serve import hot_path, receiving

PURE = "EDGEWARD_PURE"
"""Set in the environment, it has hits run through the module as it stands."""


def compiled(module: ModuleType = hot_path) -> Any:
    """The compiled form of a module, or None; one of another edition does not count."""
    package, _, name = module.__name__.rpartition(".")
    try:
        found = importlib.import_module(f"{package}._{name}")
        source = Path(str(module.__file__)).read_bytes()
    except (ImportError, OSError):
        return None
    return found if hashlib.sha256(source).hexdigest() == found.SOURCE else None


if TYPE_CHECKING:
    from httpcache.serve.hot_path import HeadMemo, HitLane, HitTally, KnownHead, Ready
    from httpcache.serve.receiving import Receiver

    FORM: str
else:
    _forms = [None if os.environ.get(PURE) else compiled(one) for one in (hot_path, receiving)]
    FORM = "compiled" if all(_forms) else "pure"
    _hot_path, _receiving = _forms if all(_forms) else (hot_path, receiving)
    HeadMemo, HitLane, HitTally = _hot_path.HeadMemo, _hot_path.HitLane, _hot_path.HitTally
    KnownHead, Ready, Receiver = _hot_path.KnownHead, _hot_path.Ready, _receiving.Receiver

__all__ = ("FORM", "HeadMemo", "HitLane", "HitTally", "KnownHead", "Ready", "Receiver", "compiled")
