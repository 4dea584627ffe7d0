"""What the load script asks for: a sequence of objects, made from a seed or read from a trace."""

from __future__ import annotations

import gzip
import math
import random
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

GROUPS = 16
"""Objects are tagged group-0 … group-15 in turn, so that a purge by tag has something to name."""

SMALLEST, LARGEST = 64, 64 * 2**20
"""Bounds of generated sizes, in bytes."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Objects and the order in which they are asked for. `sizes` in bytes by object; `sequence` holds objects."""

    description: dict[str, Any]
    sizes: array[int]
    sequence: array[int]
    ttl: int = 3600
    _paths: dict[int, str] = field(default_factory=dict, repr=False, compare=False)

    def path(self, index: int) -> str:
        """The path of an object at the sample origin."""
        path = self._paths.get(index)
        if path is None:
            path = f"/objects/{index}?size={self.sizes[index]}&ttl={self.ttl}&tag=group-{index % GROUPS}"
            self._paths[index] = path
        return path

    def summary(self) -> dict[str, Any]:
        """What was generated or read, and what no cache can do better: each object must be fetched once."""
        asked = set(self.sequence)
        octets = sum(self.sizes[index] for index in self.sequence)
        footprint = sum(self.sizes[index] for index in asked)
        return {
            **self.description,
            "requests": len(self.sequence),
            "distinct_objects": len(asked),
            "requested_bytes": octets,
            "footprint_bytes": footprint,
            "best_object_hit_ratio": 1 - len(asked) / len(self.sequence) if self.sequence else 0.0,
            "best_byte_hit_ratio": 1 - footprint / octets if octets else 0.0,
        }


def zipf_workload(
    *,
    objects: int,
    alpha: float,
    requests: int,
    seed: int,
    median: int = 1843,
    sigma: float = 1.7,
    ttl: int = 3600,
) -> Workload:
    """Requests drawn by Zipf's law over objects of log-normal size (`median` in bytes, `sigma` of the logarithm).

    Object 0 is the most popular. The same arguments give the same workload.
    """
    sizes = array("Q", log_normal_sizes(objects, median, sigma, random.Random(f"sizes {seed}")))
    sequence = array("L", zipf_sequence(objects, alpha, requests, random.Random(f"sequence {seed}")))
    description = {
        "kind": "zipf",
        "objects": objects,
        "alpha": alpha,
        "seed": seed,
        "median_bytes": median,
        "sigma": sigma,
        "ttl": ttl,
    }
    return Workload(description, sizes, sequence, ttl)


def log_normal_sizes(count: int, median: int, sigma: float, draw: random.Random) -> Iterator[int]:
    """Sizes in bytes, log-normal and within bounds."""
    for _ in range(count):
        yield min(LARGEST, max(SMALLEST, round(draw.lognormvariate(math.log(median), sigma))))


def zipf_sequence(objects: int, alpha: float, requests: int, draw: random.Random) -> Iterator[int]:
    """Object numbers; number k comes with a probability in proportion to 1 / (k + 1) ** alpha."""
    weights = list(accumulate((rank + 1) ** -alpha for rank in range(objects)))
    total = weights[-1]
    for _ in range(requests):
        yield min(bisect_left(weights, draw.random() * total), objects - 1)


def read_trace(path: Path, *, requests: int | None = None, ttl: int = 3600) -> Workload:
    """A trace file, plain or gzip: one `key,size` or `time,key,size` line for each request; sizes in bytes.

    An object keeps the size of its first line. Raises OSError, and ValueError that names the line that is wrong.
    """
    numbers: dict[str, int] = {}
    sizes, sequence = array("Q"), array("L")
    with _opened(path) as lines:
        for key, size in _requests(lines):
            if requests is not None and len(sequence) >= requests:
                break
            index = numbers.setdefault(key, len(sizes))
            if index == len(sizes):
                sizes.append(size)
            sequence.append(index)
    if not sequence:
        raise ValueError("holds no request")
    return Workload({"kind": "trace", "file": path.name, "ttl": ttl}, sizes, sequence, ttl)


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", errors="surrogateescape")
    with path.open("rb") as file:
        if file.read(4) == b"\x28\xb5\x2f\xfd":
            raise ValueError("is zstd: unpack it first (zstd -d), or give it as gzip")
    return path.open(encoding="utf-8", errors="surrogateescape")


def _requests(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(lines, 1):
        parts = [part.strip() for part in line.split(",")]
        if parts == [""] or line.startswith("#"):
            continue
        if len(parts) not in (2, 3) or not (parts[-1].isascii() and parts[-1].isdigit()):
            if number == 1:  # a line of column names
                continue
            raise ValueError(f"line {number}: is not key,size")
        yield parts[-2], min(int(parts[-1]), LARGEST)
