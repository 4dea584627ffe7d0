"""What the sample origin has seen: the other side of every hit ratio."""

from __future__ import annotations

from collections import Counter
from typing import Any

TOP = 20
MOST_PATHS = 100_000


class OriginCount:
    """Counts of requests and of body octets sent, since the start or the last reset."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin at zero."""
        self.requests = 0
        self.octets = 0
        self.by_status: Counter[int] = Counter()
        self.by_path: Counter[str] = Counter()

    def add(self, path: str, status: int, octets: int) -> None:
        """Count one answer."""
        self.requests += 1
        self.octets += octets
        self.by_status[status] += 1
        if path in self.by_path or len(self.by_path) < MOST_PATHS:
            self.by_path[path] += 1

    def as_json(self) -> dict[str, Any]:
        """What `/_count` answers. `validations` are the 304s, which sent no body."""
        return {
            "edgeward_origin": 1,
            "requests": self.requests,
            "bytes": self.octets,
            "validations": self.by_status[304],
            "by_status": {str(status): count for status, count in sorted(self.by_status.items())},
            "paths": len(self.by_path),
            "by_path": dict(self.by_path.most_common(TOP)),
        }
