"""The report of a load run: one value, as JSON and as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgeward.load_compared import caution, shown, verdict
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


def report(run: Run, saw: OriginSaw | None) -> dict[str, Any]:
    """Everything a run showed. Ratios from 0 to 1, times in milliseconds unless named otherwise."""
    tally = run.tally
    return {
        "workload": run.workload.summary(),
        "run": {
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
    tally, answers = run.tally, run.done
    told = {"requests_told_by_cache_status": tally.to_origin}
    if saw is None:
        offload = 1 - tally.to_origin / answers if answers and not tally.untold else None
        return {"counted_by": "cache-status", "object_offload": offload, "byte_offload": None, **told}
    return {
        "counted_by": "origin",
        "requests": saw.requests,
        "bytes": saw.octets,
        "validations": saw.validations,
        "object_offload": 1 - saw.requests / answers if answers else 0.0,
        "byte_offload": 1 - saw.octets / tally.octets if tally.octets else 0.0,
        **told,
    }


def render(result: dict[str, Any]) -> RenderableType:
    """The report as tables for a terminal."""
    parts = [
        _summary(result),
        _latency_table(result["latency_ms"]),
        _tier_table(result),
        _origin_lines(result),
    ]
    return Group(*parts, *_compared(result))


def _compared(result: dict[str, Any]) -> list[RenderableType]:
    told = shown(result)
    if not told:
        why = result.get("compared", {}).get("why_not")
        return [Text(f"not compared with other policies: {why}")] if why else []
    table = _table("same requests, same room", "edge", "edge, bytes", "shield", "whole", "whole, bytes")
    for one in told:
        table.add_row(one.name, *one.shares)
    said = [Text(verdict(result), style="bold")]
    return [table, *said, *([Text(caution(result))] if caution(result) else [])]


def _summary(result: dict[str, Any]) -> RenderableType:
    work, run = result["workload"], result["run"]
    what = (
        f"Zipf {work['alpha']:g} over {work['objects']:,} objects, seed {work['seed']}"
        if work["kind"] == "zipf"
        else f"trace {work['file']}"
    )
    speed = f"[bold]{run['requests_per_second']:,.0f} requests/s[/]"
    lines = [
        f"{run['requests']:,} requests in {run['seconds']:.1f} s: {speed}, {_errors(run)}{_warm_up(work)}",
        f"{what}: {work['distinct_objects']:,} distinct, footprint {size(work['footprint_bytes'])}; "
        f"at best {ratio(work['best_object_hit_ratio'])} of requests and {ratio(work['best_byte_hit_ratio'])} of bytes "
        "can be hits",
    ]
    if run["late"]:
        lines.append(
            f"{run['late']:,} requests were sent more than 10 ms after their time: latencies include that"
        )
    if run["without_cache_status"]:
        lines.append(f"{run['without_cache_status']:,} answers had no Cache-Status")
    return Text.from_markup("\n".join(lines))


def _warm_up(work: dict[str, Any]) -> str:
    return f"; {work['warm_up_requests']:,} before to warm up" if work["warm_up_requests"] else ""


def _errors(run: dict[str, Any]) -> str:
    if not run["errors"]:
        return "no errors"
    reasons = ", ".join(f"{why} {count:,}" for why, count in run["errors_by_reason"].items())
    return f"[red]{run['errors']:,} errors[/] ({reasons})"


def _latency_table(latency: dict[str, Any]) -> Table:
    table = _table("latency, ms", "answers", "p50", "p90", "p99", "max")
    rows = [("hits (edge)", latency["hits"]), ("misses", latency["misses"])]
    rows += [(f"  {name}", one) for name, one in latency["by_outcome"].items() if name != "edge hit"]
    for name, one in rows:
        table.add_row(
            name, f"{one['count']:,}", *(f"{one[share]:.2f}" for share in ("p50", "p90", "p99", "max"))
        )
    return table


def _tier_table(result: dict[str, Any]) -> Table:
    table = _table(
        "tier", "requests", "hit ratio", "byte hit ratio", "stale", "collapsed", "revalidated", "forwarded"
    )
    for tier in result["tiers"]:
        counts = {name: one["requests"] for name, one in tier["outcomes"].items()}
        table.add_row(
            f"{tier['tier']} ×{len(tier['nodes'])}",
            f"{tier['requests']:,}",
            f"[bold]{ratio(tier['object_hit_ratio'])}[/]",
            f"[bold]{ratio(tier['byte_hit_ratio'])}[/]",
            *(f"{counts[name]:,}" for name in ("stale", "collapsed", "revalidated")),
            f"{counts['miss'] + counts['bypass']:,}",
        )
    whole = result["whole"]
    hits = (ratio(whole["object_hit_ratio"]), ratio(whole["byte_hit_ratio"]))
    table.add_row("whole", f"{whole['requests']:,}", *(f"[bold]{one}[/]" for one in hits))
    return table


def _origin_lines(result: dict[str, Any]) -> RenderableType:
    origin = result["origin"]
    told = origin["requests_told_by_cache_status"]
    if origin["counted_by"] == "origin":
        return Text.from_markup(
            f"origin: saw {origin['requests']:,} requests ({origin['validations']:,} validations) and "
            f"{size(origin['bytes'])} by its own count; Cache-Status tells of {told:,}\n"
            f"offload: [bold]{ratio(origin['object_offload'])}[/] of requests and "
            f"[bold]{ratio(origin['byte_offload'])}[/] of bytes never reached the origin"
        )
    if origin["object_offload"] is None:
        return Text("origin: unknown; no count to ask and not every answer had Cache-Status")
    return Text.from_markup(
        f"origin: no count to ask; Cache-Status tells of {told:,} requests\n"
        f"offload: [bold]{ratio(origin['object_offload'])}[/] of requests never reached the origin"
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(columns[0])
    for name in columns[1:]:
        table.add_column(name, justify="right")
    return table


def ratio(share: float) -> str:
    """A share as per cent."""
    return f"{share * 100:.1f} %"


def size(octets: float) -> str:
    """Bytes in the unit that reads best."""
    for unit in ("B", "KiB", "MiB"):
        if abs(octets) < 1024:
            return f"{octets:.0f} {unit}" if unit == "B" else f"{octets:.1f} {unit}"
        octets /= 1024
    return f"{octets:.1f} GiB"
