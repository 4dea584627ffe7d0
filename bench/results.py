"""Where benchmarks write what they measured."""

from __future__ import annotations

import json
import time
from pathlib import Path

FOLDER = Path(__file__).parent / "results"


def write(name: str, measured: object) -> Path:
    """Write one run as JSON; the file's path."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(measured, indent=1))
    return path
