"""What a worker tells its supervisor, as one JSON line each time it changes."""

from __future__ import annotations

import msgspec


class WorkerReport(msgspec.Struct, frozen=True):
    """State of one worker. `lag` is seconds since the purge log was last heard; `applied` its "epoch.n".

    `cut_off` is whether the log was silent for longer than `purge.lag_limit`.
    """

    ready: bool = False
    following: bool = False
    applied: str = "0.0"
    lag: float = 0.0
    cut_off: bool = False
    pid: int = 0
