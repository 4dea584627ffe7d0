"""What a run showed, as one value: everything that the report tells, and that is written as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from edgeward.load_run import Run
from edgeward.load_tally import TierTally, percentiles, tier_name
from edgeward.tiers import TierOutcome

PARTS = 60
"""In how many parts the course of a run is told."""


@dataclass(frozen=True, slots=True)
class OriginSaw:
    """What an origin counted during a run."""

    requests: int
    octets: int
    validations: int

    @staticmethod
    def between(before: dict[str, Any], after: dict[str, Any]) -> OriginSaw:
        """The difference of two answers of `/_count`."""
        return OriginSaw(
            *(int(after[name]) - int(before[name]) for name in ("requests", "bytes", "validations"))
        )


def report(run: Run, saw: OriginSaw | None, targets: Sequence[str] = ()) -> dict[str, Any]:
    """Everything a run showed; `targets` by URL. Ratios from 0 to 1, times in milliseconds unless named otherwise."""
    tally = run.tally
    return {
        "workload": run.workload.summary(),
        "run": {
            "began": datetime.fromtimestamp(run.began, UTC).isoformat(timespec="seconds"),
            "targets": list(targets),
            "seconds": round(run.seconds, 3),
            "requests": run.done,
            "requests_per_second": round(run.done / run.seconds, 1) if run.seconds else 0.0,
            "concurrency": run.pace.concurrency,
            "rate": run.pace.rate,
            "late": run.late,
            "errors": tally.errors.total(),
            "errors_by_reason": dict(tally.errors),
            "without_cache_status": tally.untold,
        },
        "latency_ms": {
            "all": percentiles(tally.latencies_of()),
            "hits": percentiles(tally.latencies_of(hits=True)),
            "misses": percentiles(tally.latencies_of(hits=False)),
            "by_outcome": {
                name: percentiles(sorted(times)) for name, times in sorted(tally.latencies.items())
            },
        },
        "tiers": [_tier(tier_name(depth), tier) for depth, tier in enumerate(tally.tiers)],
        "whole": _whole(run),
        "origin": _origin(run, saw),
        "course": _course(run),
    }


def _whole(run: Run) -> dict[str, Any]:
    """All tiers as one: hits at any of them among all good answers."""
    hits, octets = run.tally.hits()
    answers = run.tally.answers
    return {
        "tier": "whole",
        "requests": answers,
        "bytes": run.tally.octets,
        "object_hit_ratio": hits / answers if answers else 0.0,
        "byte_hit_ratio": octets / run.tally.octets if run.tally.octets else 0.0,
    }


def _course(run: Run) -> dict[str, list[float]]:
    """Hit ratios of successive parts of the run, its warm-up too: `at` is the last request of each part."""
    count = len(run.hit_at)
    ends = sorted({count * part // PARTS for part in range(1, PARTS + 1)} - {0})
    parts = [run.hit_at[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return {
        "at": list(ends),
        "edge": [round(part.count(1) / len(part), 4) for part in parts],
        "whole": [round(1 - part.count(0) / len(part), 4) for part in parts],
    }


def _tier(name: str, tier: TierTally) -> dict[str, Any]:
    requests, octets = tier.requests.total(), tier.octets.total()
    return {
        "tier": name,
        "requests": requests,
        "bytes": octets,
        "object_hit_ratio": tier.object_hit_ratio,
        "byte_hit_ratio": tier.byte_hit_ratio,
        "outcomes": {
            str(one): {"requests": tier.requests[one], "bytes": tier.octets[one]} for one in TierOutcome
        },
        "nodes": dict(sorted(tier.nodes.items())),
    }


def _origin(run: Run, saw: OriginSaw | None) -> dict[str, Any]:
    """The origin's part: by its own count, or by what Cache-Status tells where it has none."""
    tally, answers = run.tally, run.tally.answers  # what failed spared the origin nothing
    told = {"requests_told_by_cache_status": tally.to_origin}
    if saw is None:
        offload = 1 - tally.to_origin / answers if answers and not tally.untold else None
        return {"counted_by": "cache-status", "object_offload": offload, "byte_offload": None, **told}
    return {
        "counted_by": "origin",
        "requests": saw.requests,
        "bytes": saw.octets,
        "validations": saw.validations,
        "object_offload": 1 - saw.requests / answers if answers else None,
        "byte_offload": 1 - saw.octets / tally.octets if tally.octets else None,
        **told,
    }
