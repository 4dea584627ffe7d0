"""What the stores of two edges did between two looks: ours by its metrics, NGINX's by its access log and its files."""

from __future__ import annotations

import contextlib
import re
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HITS = {"HIT", "STALE", "UPDATING", "hit", "stale"}
"""What NGINX's log and our metrics call an answer from the edge's own store."""


@dataclass(frozen=True)
class Look:
    """Answers so far, by how they came about, and what the store holds now, in octets."""

    served: Counter[str]
    held: float


def ours(port: int) -> Look:
    """Our edge; RAM counts all that an object costs."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port + 1000}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.findall(r'edgeward_requests_total\{served="(\w+)"\} (\S+)', text)
    held = re.findall(r'edgeward_store_bytes\{store="ram"\} (\S+)', text)
    return Look(Counter({how: int(float(number)) for how, number in found}), sum(map(float, held)))


def nginx(folder: Path) -> Look:
    """NGINX: the last word of each line of its log; what its file system gives to its files."""
    with (folder / "access.log").open(encoding="latin-1") as lines:
        served = Counter(line.rsplit(maxsplit=1)[-1] for line in lines)
    held = 0
    for file in (folder / "cache").rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            held += file.stat().st_blocks * 512 if file.is_file() else 0
    return Look(served, held)


def between(before: Look, after: Look) -> dict[str, float]:
    """The share of answers that came from the store, and what it held at the end, by title."""
    asked = after.served - before.served
    hits = sum(asked[how] for how in HITS)
    return {"hit ratio": round(hits / max(1, asked.total()), 3), "MiB held": round(after.held / 2**20, 1)}
