"""Clocks that can be set: each node of a campaign has its own, by a module that Python imports before anything else."""

from __future__ import annotations

import os
import struct
from pathlib import Path

_SITE = """\
import mmap, os, struct, time
with open(os.environ["CAMPAIGN_CLOCK"], "rb") as _file:
    _offset = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
_machine = time.time
time.time = lambda: _machine() + struct.unpack("d", _offset)[0]
"""


class SteppingClock:
    """How far a node's clock is off, in seconds; for all its processes, those that run and those to come."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.clock"
        self._modules = folder / "modules"
        self._modules.mkdir(exist_ok=True)
        (self._modules / "sitecustomize.py").write_text(_SITE)
        self._path.write_bytes(struct.pack("d", 0.0))

    def step_to(self, offset: float) -> None:
        """Set it."""
        with self._path.open("r+b") as file:
            file.write(struct.pack("d", offset))

    @property
    def environment(self) -> dict[str, str]:
        """What processes that go by it are started with."""
        return {**os.environ, "PYTHONPATH": str(self._modules), "CAMPAIGN_CLOCK": str(self._path)}
