"""Under which conditions a load run was measured: when, what was asked for, how, of whom, and the room they had."""

from __future__ import annotations

from typing import Any

from edgeward.load_compared import why_not
from edgeward.load_units import size


def conditions(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Lines of a title and what is to be said, for the terminal and for the page."""
    work = result["workload"]
    warm_up = f"{work['warm_up_requests']:,} requests before" if work["warm_up_requests"] else "none"
    lines = [
        ("when", result["run"]["began"].replace("T", " ").replace("+00:00", " UTC")),
        ("targets", ", ".join(result["run"]["targets"])),
        ("asked for", _asked(work)),
        ("how", _pace(result["run"])),
        ("warm-up", warm_up),
    ]
    compared = result.get("compared")
    if compared is not None:
        lines.append(("room", _rooms(compared)))
    if why := why_not(result):
        lines.append(("not compared with other policies", why))
    return lines


def _asked(work: dict[str, Any]) -> str:
    what = (
        f"trace {work['file']}"
        if work["kind"] == "trace"
        else f"Zipf {work['alpha']:g} over {work['objects']:,} objects, seed {work['seed']}"
    )
    return f"{what}: {work['distinct_objects']:,} distinct, footprint {size(work['footprint_bytes'])}"


def _pace(run: dict[str, Any]) -> str:
    """Closed or open loop. In the latter, a request that is late counts from when it was due."""
    if run["rate"] is None:
        return f"closed loop, {run['concurrency']:,} at a time"
    return (
        f"open loop, {run['rate']:g} requests/s, at most {run['concurrency']:,} at a time; "
        f"{run['late']:,} were sent more than 10 ms late: latencies include that"
    )


def _rooms(compared: dict[str, Any]) -> str:
    """The budgets of edge and shield."""
    told = compared.get("budgets") or {}
    rooms = [
        f"{tier} RAM {size(told[tier]['ram'])}, disk {size(told[tier]['disk']) if told[tier]['disk'] else 'none'}"
        for tier in ("edge", "shield")
        if tier in told
    ]
    return "; ".join(rooms) or "not known"
