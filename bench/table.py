"""The scenarios by name, and their results as a table, as JSON and as a chart."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

try:
    from matplotlib import figure
except ImportError:
    figure = None
from rich.console import Console
from rich.table import Table

from bench import br_text, cold, hot_hits, mixed, not_modified, scale
from bench.load import Results, Round, median_ratio

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Scenario:
    """What is measured, and at least how many times NGINX's requests a second it is meant to be (0: told only)."""

    title: str
    run: Callable[..., Results]
    target: float = 0.0


SCENARIOS = {
    "hot": Scenario("hits: 2,000 objects of 1 KiB", hot_hits.run, 1.3),
    "br": Scenario("hits in brotli, from texts of 30 KiB", br_text.run, 1.3),
    "128k": Scenario("hits of 128 KiB", hot_hits.run_128k, 1.0),
    "1m": Scenario("hits of 1 MiB", hot_hits.run_1m, 1.0),
    "304": Scenario("304 to If-None-Match", not_modified.run, 1.3),
    "mixed": Scenario("Zipf 0.9 over 20,000 objects, edge and shield on one core", mixed.run, 1.0),
    "cold": Scenario("cold misses through edge and shield on one core", cold.run, 0.7),
    "scale": Scenario("a hit, as connections, objects and workers grow", scale.run),
}


def median(rounds: list[Round], name: str) -> float:
    """The median of one figure over rounds."""
    return statistics.median(getattr(one, name) for one in rounds)


def show(console: Console, scenario: Scenario, results: Results) -> None:
    """Print a table: one row for each peer."""
    aim = f", aim: {scenario.target:g} × NGINX" if scenario.target else ""
    own = list(next(iter(results.values()))[0].told)
    table = Table(
        "server", "requests/s", "p50 ms", "p99 ms", "µs of core", *own, "errors", "Edgeward ÷ this",
        title=f"{scenario.title}{aim}", title_justify="left",
    )  # fmt: skip
    for peer, rounds in results.items():
        table.add_row(
            peer,
            f"{median(rounds, 'requests_per_second'):,.0f}",
            f"{median(rounds, 'p50'):.2f}",
            f"{median(rounds, 'p99'):.2f}",
            f"{median(rounds, 'cpu'):.1f}",
            *(f"{statistics.median(one.told[title] for one in rounds):.4g}" for title in own),
            str(sum(one.errors for one in rounds)),
            f"{median_ratio(results, peer):.2f}",
        )
    console.print(table)


def write(name: str, results: Results | dict[str, float]) -> Path:
    """Write results as JSON; the file's path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    told: dict[str, Any] = {
        peer: [asdict(one) for one in found] if isinstance(found, list) else found
        for peer, found in results.items()
    }
    path.write_text(json.dumps(told, indent=1))
    return path


def chart(found: dict[str, Results]) -> Path | None:
    """Draw requests a second of each peer, as shares of NGINX's, and the aims; None without matplotlib."""
    if figure is None:
        return None
    shown = {name: results for name, results in found.items() if "nginx" in results}
    if not shown:
        return None
    drawing = figure.Figure(figsize=(1.5 + 1.4 * len(shown), 4), layout="constrained")
    axes = drawing.subplots()
    names = ["edgeward", "nginx", "varnish"]
    for at, peer in enumerate(names):
        places = [place + 0.27 * (at - 1) for place, one in enumerate(shown.values()) if peer in one]
        shares = [1 / median_ratio(one, peer) for one in shown.values() if peer in one]
        over = [median_ratio(one, "nginx") for one in shown.values() if peer in one]
        heights = [share * whole for share, whole in zip(shares, over, strict=True)]
        bars = axes.bar(places, heights, 0.25, label=peer)
        axes.bar_label(bars, [f"{height:.2f}" for height in heights], fontsize=8)
    for place, name in enumerate(shown):
        if target := SCENARIOS[name].target:
            axes.hlines(target, place - 0.42, place + 0.42, colors="black", linestyles="dotted")
    axes.set_xticks(range(len(shown)), list(shown))
    axes.set_ylabel("requests a second ÷ NGINX's")
    axes.set_title("One core each, access logs on; dotted: what is aimed at")
    axes.legend()
    path = RESULTS / f"chart-{time.strftime('%Y%m%d-%H%M%S')}.svg"
    drawing.savefig(path)
    return path
