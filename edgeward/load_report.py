"""The report of a load run as tables for a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgeward.load_compared import caution, shown, verdict


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
    told, offload = origin["requests_told_by_cache_status"], origin["object_offload"]
    if origin["counted_by"] == "origin":
        seen = (
            f"origin: saw {origin['requests']:,} requests ({origin['validations']:,} validations) and "
            f"{size(origin['bytes'])} by its own count; Cache-Status tells of {told:,}"
        )
        of_bytes = f" and [bold]{offloaded(origin['byte_offload'])}[/] of bytes"
    else:
        seen, of_bytes = f"origin: no count to ask; Cache-Status tells of {told:,} requests", ""
    if offload is None:
        why = "no good answer" if not result["whole"]["requests"] else "not every answer had Cache-Status"
        return Text(f"{seen}\noffload: not known; {why}")
    return Text.from_markup(
        f"{seen}\noffload: [bold]{offloaded(offload)}[/] of requests{of_bytes} never reached the origin"
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


def offloaded(share: float | None) -> str:
    """An origin's offload as per cent."""
    return "not known" if share is None else ratio(share)


def size(octets: float) -> str:
    """Bytes in the unit that reads best."""
    for unit in ("B", "KiB", "MiB"):
        if abs(octets) < 1024:
            return f"{octets:.0f} {unit}" if unit == "B" else f"{octets:.1f} {unit}"
        octets /= 1024
    return f"{octets:.1f} GiB"
