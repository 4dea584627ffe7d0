"""Charts of what was measured, where matplotlib is installed: beside NGINX, and as sizes grow."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from pathlib import Path

try:
    from matplotlib import figure
except ImportError:
    figure = None

from bench.load import Results, median_ratio
from bench.results import FOLDER


def peers_chart(found: Mapping[str, Results], aims: Mapping[str, float]) -> Path | None:
    """Requests a second of each peer as shares of NGINX's, and the aims by scenario; None without matplotlib."""
    shown = {name: results for name, results in found.items() if "nginx" in results}
    if figure is None or not shown:
        return None
    drawing = figure.Figure(figsize=(1.5 + 1.4 * len(shown), 4), layout="constrained")
    axes = drawing.subplots()
    for at, peer in enumerate(["edgeward", "nginx", "varnish"]):
        places = [place + 0.27 * (at - 1) for place, one in enumerate(shown.values()) if peer in one]
        shares = [1 / median_ratio(one, peer) for one in shown.values() if peer in one]
        over = [median_ratio(one, "nginx") for one in shown.values() if peer in one]
        heights = [share * whole for share, whole in zip(shares, over, strict=True)]
        bars = axes.bar(places, heights, 0.25, label=peer)
        axes.bar_label(bars, [f"{height:.2f}" for height in heights], fontsize=8)
    for place, name in enumerate(shown):
        if name in aims:
            axes.hlines(aims[name], place - 0.42, place + 0.42, colors="black", linestyles="dotted")
    axes.set_xticks(range(len(shown)), list(shown))
    axes.set_ylabel("requests a second ÷ NGINX's")
    axes.set_title("One core each, access logs on; dotted: what is aimed at")
    axes.legend()
    path = FOLDER / f"chart-{time.strftime('%Y%m%d-%H%M%S')}.svg"
    drawing.savefig(path)
    return path


def scale_chart(results: Results) -> Path | None:
    """Requests a second of each size; None without matplotlib."""
    if figure is None:
        return None
    drawing = figure.Figure(figsize=(8, 1 + 0.35 * len(results)), layout="constrained")
    axes = drawing.subplots()
    rates = [statistics.median(one.requests_per_second for one in rounds) for rounds in results.values()]
    bars = axes.barh(list(results), rates)
    axes.bar_label(bars, [f"{rate:,.0f}" for rate in rates], fontsize=8, padding=2)
    axes.invert_yaxis()
    axes.set_xlabel("requests a second")
    path = FOLDER / f"scale-{time.strftime('%Y%m%d-%H%M%S')}.svg"
    drawing.savefig(path)
    return path
