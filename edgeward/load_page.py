"""The report of a load run as one page of HTML that needs nothing else: tables, and charts drawn as SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from edgeward.load_charts import bars, lines
from edgeward.load_compared import notes, shown, verdict, why_not
from edgeward.load_conditions import conditions
from edgeward.load_report import SHARES, TIER_COLUMNS, tier_cells, times
from edgeward.load_units import known

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1d2530;background:#fff;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
#verdict{font-size:1.15rem;background:#eef4ff;border-left:4px solid #2f6fde;padding:.7rem 1rem}
table{border-collapse:collapse;margin:.5rem 0}th,td{padding:.2rem .9rem .2rem 0;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}th{border-bottom:1px solid #c8d0da}
svg{max-width:100%;height:auto;display:block}
@media(prefers-color-scheme:dark){body{color:#dde3ea;background:#14181d}#verdict{background:#1c2836}svg{color:#dde3ea}}
"""


def page(result: dict[str, Any]) -> str:
    """The page, whole."""
    parts = [_summary(result), _tiers(result), _compared(result), _course(result), _latency(result)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Edgeward: load report</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head><body>\n<h1>Edgeward: load report</h1>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )


def _summary(result: dict[str, Any]) -> str:
    run, origin = result["run"], result["origin"]
    said = verdict(result)
    rows = [
        ("requests measured", f"{run['requests']:,} in {run['seconds']:.1f} s: {run['requests_per_second']:,.0f}/s"),
        *conditions(result),
        ("errors", ", ".join(f"{why} {n:,}" for why, n in run["errors_by_reason"].items()) or "none"),
        ("origin offload, requests", known(origin["object_offload"])),
        ("origin offload, bytes", known(origin["byte_offload"])),
    ]  # fmt: skip
    return (
        (f'<p id="verdict">{escape(said)}</p>' if said else "")
        + _paragraphs(notes(result))
        + _table(("", ""), rows)
    )


def _paragraphs(texts: Iterable[str]) -> str:
    return "".join(f"<p>{escape(text)}</p>" for text in texts)


def _tiers(result: dict[str, Any]) -> str:
    return "<h2>Tiers</h2>" + _table(TIER_COLUMNS, map(tier_cells, [*result["tiers"], result["whole"]]))


def _compared(result: dict[str, Any]) -> str:
    title = "<h2>What others would have got</h2>"
    told = shown(result)
    if not told:
        why = why_not(result)
        return f"{title}{_paragraphs([f'Nothing was compared: {why}'])}" if why else ""
    edge = [(line.name, line.edge) for line in told if line.edge is not None]
    chart = bars("edge hit ratio, objects", edge, marked=0)
    whole = [(line.name, line.whole) for line in told if line.whole is not None]
    if len(result["tiers"]) > 1 and len(whole) > 1:
        chart += bars("hit ratio of all tiers, objects", whole, marked=0)
    names = ("same requests, same room", "edge", "edge, bytes", "shield", "whole", "whole, bytes")
    return title + chart + _table(names, [(one.name, *one.shares) for one in told])


def _course(result: dict[str, Any]) -> str:
    course = result["course"]
    series = {name: list(zip(course["at"], course[name], strict=True)) for name in ("edge", "whole")}
    each = course["at"][0] if course["at"] else 0
    warmed = ", the warm-up too" if result["workload"]["warm_up_requests"] else ""
    title = f"hit ratio, for each {each:,} requests in their order{warmed}"
    return "<h2>In the course of the run</h2>" + lines(title, "requests so far", series, top=1.0)


def _latency(result: dict[str, Any]) -> str:
    outcomes = {name: one for name, one in result["latency_ms"]["by_outcome"].items() if one["count"]}
    rows = [(name, f"{one['count']:,}", *times(one)) for name, one in outcomes.items()]
    series = {
        name: [(float(place), max(0.001, one[share])) for place, share in enumerate(SHARES)]
        for name, one in outcomes.items()
    }
    labels = tuple(SHARES.values())
    chart = lines("latency, ms", "share of answers", series, places=labels, is_log=True)
    return f"<h2>Latency by outcome, ms</h2>{chart}" + _table(("answered by", "answers", *labels), rows)


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names) if any(names) else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
