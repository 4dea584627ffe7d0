"""How the comparison with other policies is told: a sentence, a line for each of them, and what to know of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgeward.load_units import per_cent

NAMES = {
    "edgeward": "Edgeward, simulated",
    "lru": "LRU",
    "fifo": "FIFO",
    "sieve": "plain SIEVE",
    "belady-size": "Belady-Size (sees ahead)",
    "pfoo-l": "PFOO-L (upper bound)",
}
NO_BOUND = "PFOO-L (no bound here)"

NOTICED = 0.02
"""What a node held before the run is told from this share on of its room, or of all that was asked for."""

LEAST = 0.0005
"""The least share that shows in a percentage with one digit."""

ONLINE = ("edgeward", "lru", "fifo", "sieve")


@dataclass(frozen=True, slots=True)
class Line:
    """One policy, or what was measured: hit ratios, 0 to 1, of edges, shield and whole; objects, then bytes."""

    name: str
    edge: float | None
    edge_bytes: float | None
    shield: float | None
    whole: float | None
    whole_bytes: float | None

    @property
    def shares(self) -> tuple[str, ...]:
        """All ratios as text, in their order."""
        return tuple(map(per_cent, (self.edge, self.edge_bytes, self.shield, self.whole, self.whole_bytes)))


def shown(result: dict[str, Any]) -> list[Line]:
    """What was measured, and then each policy; none where nothing was compared."""
    policies = result.get("compared", {}).get("policies", [])
    return [_measured(result), *_simulated(result, policies)] if policies and result["tiers"] else []


def why_not(result: dict[str, Any]) -> str:
    """Why nothing was compared; "" where something was, or where nobody asked for it."""
    compared = result.get("compared")
    if compared is None or shown(result):
        return ""
    return compared.get("why_not") or "no answer had a Cache-Status"


def _measured(result: dict[str, Any]) -> Line:
    edge, *behind = result["tiers"]
    whole = result["whole"]
    return Line(
        "measured",
        edge["object_hit_ratio"],
        edge["byte_hit_ratio"],
        behind[0]["object_hit_ratio"] if behind else None,
        whole["object_hit_ratio"],
        whole["byte_hit_ratio"],
    )


def _simulated(result: dict[str, Any], policies: list[dict[str, Any]]) -> Iterator[Line]:
    names = NAMES if bound_fails(result) == "" else NAMES | {"pfoo-l": NO_BOUND}
    is_whole = len(result["tiers"]) == 1 or "shield" in _budgets(result)
    for one in policies:
        edge, shield, whole = ((one[tier] or {}) for tier in ("edge", "shield", "whole"))
        yield Line(
            names[one["policy"]],
            edge.get("objects"),
            edge.get("bytes"),
            shield.get("objects"),
            whole.get("objects") if is_whole else None,
            whole.get("bytes") if is_whole else None,
        )


def _budgets(result: dict[str, Any]) -> dict[str, Any]:
    return result.get("compared", {}).get("budgets") or {}


def _edge_ratios(result: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The edges' ratios by policy, of those that were not given up."""
    policies = result.get("compared", {}).get("policies", [])
    return {one["policy"]: one["edge"] for one in policies if one["edge"] is not None}


def _held(result: dict[str, Any]) -> tuple[dict[str, int], list[str]]:
    """What nodes held before the run, where that is worth telling, and the nodes of which it is not known."""
    rooms, footprint = _budgets(result), result["workload"]["footprint_bytes"]
    noticed, unknown = {}, []
    for name, held in result.get("compared", {}).get("held_before", {}).items():
        room = rooms.get("shield" if name == "shield" else "edge", {"ram": 0, "disk": 0})
        if held is None:
            unknown.append(name)
        elif held > NOTICED * min(room["ram"] + room["disk"], footprint):
            noticed[name] = held
    return noticed, unknown


def bound_fails(result: dict[str, Any]) -> str:
    """Why what PFOO-L gives for the edges is no bound of what was measured, or is not known to be one; "" if it is."""
    noticed, unknown = _held(result)
    bound, edge = _edge_ratios(result).get("pfoo-l"), result["tiers"][0]
    if bound is None:
        return "PFOO-L was given up: it took longer than --compare-limit."
    if any(name != "shield" for name in noticed):
        return f"{per_cent(bound['objects'])} by PFOO-L is no bound of it: the stores were not empty."
    above = max(edge["object_hit_ratio"] - bound["objects"], edge["byte_hit_ratio"] - bound["bytes"])
    if above > 1e-9:
        return (
            f"{per_cent(bound['objects'])} by PFOO-L is no bound of it: what was measured is above it, of requests or"
            " of bytes. The stores held something before, or more than their budgets while they were busy writing."
        )
    if any(name != "shield" for name in unknown):
        return (
            f"{per_cent(bound['objects'])} by PFOO-L is a bound only if the stores were empty before the run."
        )
    return ""


def notes(result: dict[str, Any]) -> list[str]:
    """What else is to be known of the comparison, a sentence or two each; none where nothing was compared."""
    if not shown(result):
        return []
    told = [bound_fails(result), _not_empty(result), _alike(result), _waited(result), _never_hits(result)]
    return [one for one in told if one]


def _not_empty(result: dict[str, Any]) -> str:
    noticed, unknown = _held(result)
    said = []
    if noticed:
        held = ", ".join(f"{name} {octets / 2**20:,.1f} MiB" for name, octets in noticed.items())
        said.append(
            f"Held before the run: {held}. All the others begin empty: what was held may be hit without having been"
            " asked for here, and has first to be displaced. Start nodes on empty folders (--data) to compare like"
            " with like."
        )
    if unknown:
        said.append(f"Not known: what was held before the run by {', '.join(unknown)}.")
    return " ".join(said)


def _alike(result: dict[str, Any]) -> str:
    ratios, edge = _edge_ratios(result), _budgets(result).get("edge", {"ram": 0, "disk": 0})
    found = {ratios[policy]["objects"] for policy in ONLINE if policy in ratios}
    fits = result["workload"]["footprint_bytes"] <= max(edge["ram"], edge["disk"])
    if not fits or len(found) != 1:
        return ""
    return (
        "Nothing had to be evicted: all that was asked for fits an edge, and ours, LRU, FIFO and SIEVE are alike."
        " A comparison takes stores that are smaller than the footprint, or more objects."
    )


def collapsed(result: dict[str, Any]) -> float:
    """The share of the edges' requests that waited for another's fetch."""
    edge = result["tiers"][0]
    return float(edge["outcomes"]["collapsed"]["requests"] / max(1, edge["requests"]))


def _waited(result: dict[str, Any]) -> str:
    share = collapsed(result)
    if share < LEAST:
        return ""
    return (
        f"{share * 100:.1f} points of the edges' requests waited for another's fetch (collapsed): they are no hits of"
        " ours, and hits of the simulated caches, where a fetch takes no time."
    )


def _never_hits(result: dict[str, Any]) -> str:
    edge, work = result["tiers"][0], result["workload"]
    refused = work["uncacheable_requests"] / max(1, work["requests"])
    expired = edge["outcomes"]["revalidated"]["requests"] / max(1, edge["requests"])
    if refused < LEAST and expired < LEAST:
        return ""
    return (
        f"{refused * 100:.1f} points are requests for what may not be stored, {expired * 100:.1f} points for what had"
        " expired (revalidated): no hits of ours, nor of the simulated caches."
    )


def verdict(result: dict[str, Any]) -> str:
    """The edges' hit ratio, LRU's, and the bound where it is one, in a sentence; "" where nothing was compared."""
    if not shown(result):
        return ""
    ratios, edge = _edge_ratios(result), result["tiers"][0]
    objects, octets = per_cent(edge["object_hit_ratio"]), per_cent(edge["byte_hit_ratio"])
    waited = f" and {collapsed(result) * 100:.1f} % waited for a fetch" if collapsed(result) >= LEAST else ""
    lru = {of: per_cent(ratios["lru"][of]) if "lru" in ratios else "given up" for of in ("objects", "bytes")}
    if bound_fails(result):
        return f"The edges get {objects}{waited}, LRU {lru['objects']}; of bytes {octets} and {lru['bytes']}."
    most = ratios["pfoo-l"]
    return (
        f"The edges get {objects}{waited}, LRU {lru['objects']}, no policy can pass {per_cent(most['objects'])}; "
        f"of bytes {octets}, {lru['bytes']} and {per_cent(most['bytes'])}."
    )
