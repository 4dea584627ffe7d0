"""The scenarios by name: what each is meant to show, needs and aims at; and its results as a table and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from bench import br_text, cold, hot_hits, mixed, not_modified, peers, results, scale
from bench.aims import Aim, Figure, as_json, judge, p99, rate
from bench.load import Results, Round, median_ratio

NO_PEERS, NGINX, BOTH = (
    ("wrk", "taskset"),
    ("nginx", "wrk", "taskset"),
    ("nginx", "varnishd", "wrk", "taskset"),
)
"""Programs that scenarios need."""


@dataclass(frozen=True)
class Scenario:
    """What is measured, the programs that it takes, and what is aimed at; without aims, it is told only."""

    title: str
    run: Callable[..., Results]
    programs: tuple[str, ...]
    aims: tuple[Aim, ...] = ()
    modules: Callable[[], list[str]] = list
    """Debian packages beside the programs that are missing."""


SCENARIOS = {
    "hot": Scenario(
        "hits: 2,000 objects of 1 KiB", hot_hits.run, BOTH, (rate("nginx", 1.3), rate("varnish", 2), p99("nginx", 1))
    ),
    "br": Scenario(
        "hits in brotli, from texts of 30 KiB", br_text.run, NGINX, (rate("nginx", 1.3),), br_text.missing_modules
    ),
    "128k": Scenario("hits of 128 KiB", hot_hits.run_128k, BOTH, (rate("nginx", 1),)),
    "1m": Scenario("hits of 1 MiB", hot_hits.run_1m, BOTH, (rate("nginx", 1),)),
    "304": Scenario("304 to If-None-Match", not_modified.run, BOTH, (rate("nginx", 1.3),)),
    "mixed": Scenario(
        "Zipf 0.9 over 20,000 objects, edge and shield on one core",
        mixed.run,
        NGINX,
        (rate("nginx", 1), p99("nginx", 0.2)),
    ),
    "cold": Scenario("cold misses through edge and shield on one core", cold.run, NGINX, (rate("nginx", 0.7),)),
    "scale": Scenario("a hit, as connections, objects and workers grow", scale.run, NO_PEERS),
}  # fmt: skip

IDLE_PROGRAMS = ("nginx", "taskset")


def missing(names: Iterable[str]) -> list[str]:
    """The Debian packages that the named scenarios need and that are not installed."""
    programs, modules = set(), []
    for name in names:
        scenario = SCENARIOS.get(name)
        programs.update(scenario.programs if scenario else IDLE_PROGRAMS)
        modules += scenario.modules() if scenario else []
    return [*peers.missing_programs(programs), *modules]


def median(rounds: list[Round], name: str) -> float:
    """The median of one figure over rounds."""
    return statistics.median(getattr(one, name) for one in rounds)


def show(console: Console, scenario: Scenario, found: Results) -> None:
    """Print a table, one row for each peer, and below it whether the aims are met."""
    own = list(next(iter(found.values()))[0].told)
    table = Table(
        Column("server", no_wrap=True), Column("requests/s", no_wrap=True), "p50 ms", "p99 ms",
        "µs of core", *own, "errors", "Edgeward ÷ this",
        title=scenario.title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0),
    )  # fmt: skip
    for peer, rounds in found.items():
        table.add_row(
            peer,
            f"{median(rounds, 'requests_per_second'):,.0f}",
            f"{median(rounds, 'p50'):.2f}",
            f"{median(rounds, 'p99'):.2f}",
            f"{median(rounds, 'cpu'):.1f}",
            *(f"{statistics.median(one.told[title] for one in rounds):.4g}" for title in own),
            str(sum(one.errors for one in rounds)),
            f"{median_ratio(found, peer):.2f}",
        )
    console.print(table)
    for outcome in judge(scenario.aims, found):
        console.print(f"  {outcome}", highlight=False)


def write(name: str, found: Results) -> Path:
    """Write one scenario's rounds by peer, and the outcomes of its aims, as JSON; the file's path."""
    rounds = {peer: [asdict(one) for one in each] for peer, each in found.items()}
    return results.write(name, {"peers": rounds, "aims": as_json(judge(SCENARIOS[name].aims, found))})


def rate_aims() -> dict[str, float]:
    """What is aimed at beside NGINX's requests a second, by scenario."""
    return {
        name: aim.factor
        for name, scenario in SCENARIOS.items()
        for aim in scenario.aims
        if (aim.figure, aim.peer) == (Figure.RATE, "nginx")
    }
