"""How the comparison with other policies is told: a sentence, and a line for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

NAMES = {
    "edgeward": "Edgeward, simulated",
    "lru": "LRU",
    "fifo": "FIFO",
    "sieve": "plain SIEVE",
    "belady-size": "Belady-Size (knows what comes)",
    "pfoo-l": "no policy can pass (PFOO-L)",
}


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


def per_cent(share: float | None) -> str:
    """A share as per cent; a dash where there is none."""
    return "–" if share is None else f"{share * 100:.1f} %"


def shown(result: dict[str, Any]) -> list[Line]:
    """What was measured, and then each policy; none where nothing was compared."""
    policies = result.get("compared", {}).get("policies", [])
    return [_measured(result), *_simulated(policies)] if policies and result["tiers"] else []


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


def _simulated(policies: list[dict[str, Any]]) -> Iterator[Line]:
    for one in policies:
        edge, shield, whole = ((one[tier] or {}) for tier in ("edge", "shield", "whole"))
        yield Line(
            NAMES[one["policy"]],
            edge.get("objects"),
            edge.get("bytes"),
            shield.get("objects"),
            whole.get("objects"),
            whole.get("bytes"),
        )


NOTICED = 0.02
"""From which share of its room on what an edge held before the run is told."""


def caution(result: dict[str, Any]) -> str:
    """That the stores were not empty before the run, where they were not: all others begin empty. "" otherwise."""
    compared = result.get("compared", {})
    edge, held = (compared.get("budgets") or {}).get("edge"), compared.get("held_before", 0)
    if not edge or not shown(result) or held < NOTICED * (edge["ram"] + edge["disk"]):
        return ""
    return (
        f"The first edge held {held / 2**20:.1f} MiB before the run, while all the others begin empty: what it held may"
        " be hit without having been asked for here, and has first to be displaced. Start nodes on empty folders"
        " (--data) to compare like with like."
    )


def verdict(result: dict[str, Any]) -> str:
    """The edges' hit ratio, LRU's, and the bound, in one sentence; "" where nothing was compared."""
    lines = {line.name: line for line in shown(result)}
    if not lines:
        return ""
    you, lru, most = lines["measured"], lines[NAMES["lru"]], lines[NAMES["pfoo-l"]]
    return (
        f"The edges get {per_cent(you.edge)}, LRU {per_cent(lru.edge)}, no policy can pass {per_cent(most.edge)}; "
        f"of bytes {per_cent(you.edge_bytes)}, {per_cent(lru.edge_bytes)} and {per_cent(most.edge_bytes)}."
    )
