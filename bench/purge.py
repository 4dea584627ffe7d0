"""Purge by numbers: `python -m bench.purge`. How soon orders are everywhere, a flood of them, one tag on very many."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import click
from rich.console import Console
from rich.table import Table

from bench import purge_flood, purge_many
from bench.purge_nodes import Hits, Orders, fleet, percentile

PROMISE = 150.0
"""The best public promise of a commercial CDN for a purge by tag, worldwide, in milliseconds."""


async def _reach(folder: Path, edges: int, orders: int) -> dict[str, Any]:
    """Times from the POST to the last edge's acknowledgement, under a light load of hits."""
    with fleet(folder, edges, "--ram", "32MiB", "--disk", "64MiB") as running:
        paths = [f"/objects/hot-{number}?size=2000&ttl=86400" for number in range(20)]
        hits = Hits([node.url for node in running.nodes[1:]], paths, rate=100)
        await hits.warm()
        stop = asyncio.Event()
        load = asyncio.create_task(hits.run(stop))
        took: list[float] = []
        async with aiohttp.ClientSession() as session:
            sender = Orders(running.keeper.admin, running.key, session)
            for number in range(orders):
                seconds, receipt = await sender.send(
                    {"kind": "tag", "targets": [f"tag-{number}"], "wait": 30}
                )
                if not receipt["confirmed"] or len(receipt["nodes"]) != edges + 1:
                    raise RuntimeError(f"order {number} was not confirmed by all: {receipt}")
                took.append(seconds * 1000)
                await asyncio.sleep(0.02)
        stop.set()
        await load
        hits.close()
    return {
        "edges": edges,
        "orders": orders,
        "p50_ms": round(percentile(took, 0.5), 1),
        "p99_ms": round(percentile(took, 0.99), 1),
        "max_ms": round(max(took), 1),
        "hits": len(hits.took),
        "hit_p99_ms": round(percentile(hits.took, 0.99) * 1000, 1),
    }


def _print(console: Console, results: dict[str, Any]) -> None:
    table = Table("what", "measured", "wanted")
    if reach := results.get("reach"):
        what = f"POST to the last of {reach['edges']} edges' acknowledgement, {reach['orders']} orders"
        table.add_row(f"{what}: p50", f"{reach['p50_ms']} ms", "")
        table.add_row(f"{what}: p99", f"{reach['p99_ms']} ms", f"under {PROMISE:g} ms")
    if flood := results.get("flood"):
        ratios = sorted(one["ratio"] for one in flood["rounds"])
        spread = f"of a round {ratios[0]} to {ratios[-1]}"
        table.add_row(
            f"orders sent in {flood['seconds']} s, in batches of {flood['batch']}",
            f"{flood['sent']:,} ({flood['rate']:,}/s)",
            f"{flood['wanted_rate']:,}/s",
        )
        table.add_row("of these not applied by every worker at the end", str(flood["lost"]), "0")
        table.add_row(
            f"hit p99 without and with purges, median of {len(ratios)} rounds",
            f"{flood['p99_without_ms']} and {flood['p99_with_ms']} ms ({flood['ratio']} times; {spread})",
            "at most 2 times",
        )
        table.add_row(
            "hit p99 beside processes that burn as much processor time",
            f"{flood['p99_burnt_ms']} ms ({flood['burnt_ratio']} times)",
            "",
        )
        table.add_row(
            f"memory of {flood['nodes']} nodes before, on the way and after all orders",
            " · ".join(f"{flood[name] / 2**20:.0f}" for name in ("before", "half", "after")) + " MiB",
            "bounded",
        )
    if many := results.get("many"):
        table.add_row("purge of one object: POST to acknowledgement, median", f"{many['one_ms']} ms", "")
        table.add_row(
            f"purge of a tag on {many['objects']:,} objects, median of {many['orders']}",
            f"{many['all_ms']} ms",
            "the same",
        )
        table.add_row(
            "space given back in the background",
            f"{many['given_back'] / 2**20:.0f} of {many['held'] / 2**20:.0f} MiB in {many['seconds']} s",
            "",
        )
        table.add_row("hit p99 meanwhile", f"{many['hit_p99_ms']} ms", "")
    console.print(table)


@click.command()
@click.option("--edges", default=20, show_default=True, help="Edges, of one worker each.")
@click.option("--orders", default=300, show_default=True, help="Orders whose reach is timed.")
@click.option("--seconds", default=30, show_default=True, help="Length of the flood, in three rounds.")
@click.option("--rate", default=2000, show_default=True, help="Orders a second in the flood.")
@click.option("--objects", default=200_000, show_default=True, help="Stored objects with one tag.")
@click.option("--only", type=click.Choice(["reach", "flood", "many"]), help="One part alone.")
def main(edges: int, orders: int, seconds: int, rate: int, objects: int, only: str | None) -> None:
    """Measure purges, print a table, and write it as JSON to bench/results/."""
    console = Console(width=130)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="edgeward-bench-") as name:
        folder = Path(name)
        if only in (None, "reach"):
            console.print(f"1. reach: 1 shield, {edges} edges …")
            results["reach"] = asyncio.run(_reach(folder / "reach", edges, orders))
        if only in (None, "flood"):
            console.print(f"2. flood: {rate} orders a second for {seconds} s …")
            results["flood"] = asyncio.run(purge_flood.run(folder / "flood", rate, seconds))
        if only in (None, "many"):
            console.print(f"3. one tag on {objects:,} objects …")
            results["many"] = asyncio.run(purge_many.run(folder / "many", objects))
    _print(console, results)
    out = Path(__file__).parent / "results"
    out.mkdir(exist_ok=True)
    path = out / f"purge-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(results, indent=1))
    console.print(f"written to {path}")


if __name__ == "__main__":
    sys.exit(main())
