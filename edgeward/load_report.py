"""The report of a load run as tables for a terminal of 80 columns."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from edgeward.load_compared import notes, shown, verdict
from edgeward.load_conditions import conditions
from edgeward.load_units import NONE, known, per_cent, size

__all__ = ["SHARES", "TIER_COLUMNS", "render", "size", "tier_cells", "times"]

SHARES = {"p50": "p50", "p90": "p90", "p99": "p99", "p999": "p99.9", "max": "max"}
"""Percentiles as the report's value names them, and as they are shown."""


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
        return []
    table = _table("same requests, same room", "edge", "bytes", "shield", "whole", "bytes")
    for one in told:
        table.add_row(one.name, *one.shares)
    return [table, Text(verdict(result), style="bold"), *map(Text, notes(result))]


def _summary(result: dict[str, Any]) -> RenderableType:
    work, run = result["workload"], result["run"]
    speed = f"[bold]{run['requests_per_second']:,.0f} requests/s[/]"
    lines = [f"{run['requests']:,} requests in {run['seconds']:.1f} s: {speed}, {_errors(run)}"]
    lines += [f"{title}: {text}".replace("[", r"\[") for title, text in conditions(result)]
    lines.append(
        f"at best {per_cent(work['best_object_hit_ratio'])} of requests and {per_cent(work['best_byte_hit_ratio'])} of"
        " bytes can be hits"
    )
    if run["without_cache_status"]:
        lines.append(f"{run['without_cache_status']:,} answers had no Cache-Status")
    return Text.from_markup("\n".join(lines))


def _errors(run: dict[str, Any]) -> str:
    if not run["errors"]:
        return "no errors"
    reasons = ", ".join(f"{why} {count:,}" for why, count in run["errors_by_reason"].items())
    return f"[red]{run['errors']:,} errors[/] ({reasons})"


def _latency_table(latency: dict[str, Any]) -> Table:
    table = _table("latency, ms", "answers", *SHARES.values())
    rows = [("hits (edge)", latency["hits"]), ("misses", latency["misses"])]
    rows += [(f"  {name}", one) for name, one in latency["by_outcome"].items() if name != "edge hit"]
    for name, one in rows:
        table.add_row(name, f"{one['count']:,}", *times(one))
    return table


def times(latency: dict[str, Any]) -> list[str]:
    """The percentiles of some answers in milliseconds; dashes where there are no answers."""
    return [f"{latency[share]:.2f}" if latency["count"] else NONE for share in SHARES]


def _tier_table(result: dict[str, Any]) -> Table:
    table = _table(*TIER_COLUMNS)
    for tier in result["tiers"]:
        name, requests, *ratios = tier_cells(tier)[:4]
        table.add_row(
            f"{name} ×{len(tier['nodes'])}",
            requests,
            *(f"[bold]{one}[/]" for one in ratios),
            *tier_cells(tier)[4:],
        )
    name, requests, *ratios = tier_cells(result["whole"])[:4]
    table.add_row(name, requests, *(f"[bold]{one}[/]" for one in ratios))
    return table


TIER_COLUMNS = ("tier", "requests", "hits", "bytes", "stale", "collapsed", "validated", "forwarded")


def tier_cells(tier: dict[str, Any]) -> list[str]:
    """The cells of a tier, or of the whole, which has no outcomes; dashes where nothing came to it."""
    hits = [per_cent(tier[of] if tier["requests"] else None) for of in ("object_hit_ratio", "byte_hit_ratio")]
    counts = {name: one["requests"] for name, one in tier.get("outcomes", {}).items()}
    told = [f"{counts[name]:,}" for name in ("stale", "collapsed", "revalidated")] if counts else [""] * 3
    forwarded = f"{counts['miss'] + counts['bypass']:,}" if counts else ""
    return [tier["tier"], f"{tier['requests']:,}", *hits, *told, forwarded]


def _origin_lines(result: dict[str, Any]) -> RenderableType:
    origin = result["origin"]
    told, offload = origin["requests_told_by_cache_status"], origin["object_offload"]
    if origin["counted_by"] == "origin":
        seen = (
            f"origin: saw {origin['requests']:,} requests ({origin['validations']:,} validations) and "
            f"{size(origin['bytes'])} by its own count; Cache-Status tells of {told:,}"
        )
        of_bytes = f" and [bold]{known(origin['byte_offload'])}[/] of bytes"
    else:
        seen, of_bytes = f"origin: no count to ask; Cache-Status tells of {told:,} requests", ""
    if offload is None:
        why = "no good answer" if not result["whole"]["requests"] else "not every answer had Cache-Status"
        return Text(f"{seen}\noffload: not known; {why}")
    return Text.from_markup(
        f"{seen}\noffload: [bold]{known(offload)}[/] of requests{of_bytes} never reached the origin"
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(columns[0], no_wrap=True)
    for name in columns[1:]:
        table.add_column(name, justify="right", no_wrap=True)
    return table
