"""`edgeward load`: drives requests at edges, and reports hit ratios, latencies and what the origin still saw."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import uvloop
from rich.console import Console

from edgeward.addresses import Server, ServerParam
from edgeward.faults import Refused, WorkFailed, reason
from edgeward.load_budgets import parse_budgets
from edgeward.load_measure import LoadOrder, measure
from edgeward.load_page import page
from edgeward.load_report import render
from edgeward.load_rooms import Rooms
from edgeward.load_run import Pace
from edgeward.load_synthetic import Mix, synthetic_workload
from edgeward.load_workload import Workload, read_trace
from edgeward.simulate import Budgets
from httpcache.setting_kinds import parse_size

EXAMPLES = """\b
Examples:
  edgeward load http://127.0.0.1:8080
  edgeward load http://127.0.0.1:8080 http://127.0.0.1:8082 --objects 2000 --zipf 0.9 --requests 20000
  edgeward load http://127.0.0.1:8080 --drift 0.5 --scans 0.1 --uncacheable 0.05 --short-lived 0.1
  edgeward load http://127.0.0.1:8080 --rate 500 --origin-count http://127.0.0.1:9000 --html report.html
  edgeward load http://127.0.0.1:8080 --trace requests.csv.zst --warm-up 10% --shield-admin http://127.0.0.1:9081

\b
The targets' origin is `edgeward origin`. A trace has one key,size (or time,key,size) line for each request.
Every request names the same Host, so that edges behind one shield share what it holds. docs/load.md tells all.
Exit codes: 0 fine, 1 requests failed or nothing to connect to, 2 wrong usage."""


class SizeParam(click.ParamType[int]):
    """Bytes, as in 64MiB."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The size; a usage error when it is none."""
        if isinstance(value, int):
            return value
        try:
            size = parse_size(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)
        assert isinstance(size, int)
        return size


class BudgetsParam(click.ParamType[Budgets]):
    """RAM,DISK, as in 64MiB,1GiB."""

    name = "RAM,DISK"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Budgets:
        """The budgets; a usage error when they are none."""
        if isinstance(value, Budgets):
            return value
        try:
            return parse_budgets(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class CountParam(click.ParamType[float]):
    """A number of requests (1 and more), or a share of them (as in 10%)."""

    name = "N|N%"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or the share, below 1."""
        text = str(value)
        try:
            number = float(text.removesuffix("%")) / 100 if text.endswith("%") else int(text)
        except ValueError:
            number = -1
        if number < 0 or (text.endswith("%") and number >= 1):
            self.fail(f"{value!r}: write a number of requests, or a share below 100%", param, ctx)
        return number


SHARE = click.FloatRange(0, 1)
ABOVE_0 = click.FloatRange(min=0, min_open=True)
FILE = click.Path(path_type=Path)
OBJECTS, REQUESTS = click.IntRange(1, 5_000_000), click.IntRange(1, 20_000_000)
"""What is made stands in RAM: about 40 bytes for an object, and 20 for a request, without what is compared later."""

LIFETIME = click.IntRange(0, 2**31)

_OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("--origin-count", {"type": ServerParam(), "help": "Sample origin to ask for its count. [default: via TARGET]"}),
    ("--host", {"default": "", "metavar": "NAME", "help": "Host of every request.  [default: the first target's]"}),
    ("--objects", {"type": OBJECTS, "default": 2000, "help": "Distinct objects; scans have more."}),
    ("--zipf", {"type": click.FloatRange(0, 5), "default": 0.9, "help": "Skew of popularity."}),
    ("--requests", {"type": REQUESTS, "help": "Requests to send.  [default: 20000, or the trace's]"}),
    ("--warm-up", {"type": CountParam(), "default": "0", "help": "Of them, the first that are not measured."}),
    ("--seed", {"type": int, "default": 42, "help": "The same seed asks for the same sequence."}),
    ("--median-size", {"type": SizeParam(), "default": "1.8KiB", "help": "Median of the sizes."}),
    ("--sigma", {"type": click.FloatRange(0, 5), "default": 1.7, "help": "Spread of log sizes."}),
    ("--ttl", {"type": LIFETIME, "default": 3600, "help": "max-age, in seconds."}),
    ("--drift", {"type": click.FloatRange(0, 1000), "default": 0.0, "help": "Changes of rank, per object."}),
    ("--scans", {"type": SHARE, "default": 0.0, "help": "Share of requests for what is asked for once."}),
    ("--uncacheable", {"type": SHARE, "default": 0.0, "help": "Share of objects that may not be stored."}),
    ("--short-lived", {"type": SHARE, "default": 0.0, "help": "Share of objects with a max-age of --short-ttl."}),
    ("--short-ttl", {"type": LIFETIME, "default": 1, "help": "max-age of these, in seconds."}),
    ("--trace", {"type": FILE, "metavar": "FILE", "help": "Replay key,size lines (plain, gzip, zstd)."}),
    ("--concurrency", {"type": click.IntRange(1, 10**5), "default": 64, "help": "Requests at a time."}),
    ("--rate", {"type": ABOVE_0, "help": "Requests a second (open loop)."}),
    ("--timeout", {"type": ABOVE_0, "default": 60.0, "help": "Seconds."}),
    ("--edge-store", {"type": BudgetsParam(), "help": "Budgets of an edge.  [default: from its /metrics]"}),
    ("--shield-store", {"type": BudgetsParam(), "help": "Budgets of the shield."}),
    ("--edge-admin", {"type": ServerParam(), "help": "An edge's admin listener. [default: TARGET's port + 1000]"}),
    ("--shield-admin", {"type": ServerParam(), "help": "The shield's admin listener, to read its budgets from."}),
    ("--compare-limit", {"type": click.FloatRange(0), "default": 120.0, "help": "Seconds per simulation; 0: none."}),
]  # fmt: skip


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for name, how in reversed(_OPTIONS):
        command = click.option(name, show_default="default" in how and how["default"] != "", **how)(command)
    return command


@click.command(epilog=EXAMPLES)
@click.argument("targets", nargs=-1, required=True, type=ServerParam(), metavar="TARGET...")
@_options
@click.option("--json", "json_file", type=FILE, metavar="FILE", help="Write JSON; - is stdout.")
@click.option("--html", "html_file", type=FILE, metavar="FILE", help="Write a page with charts.")
def load(targets: tuple[Server, ...], json_file: Path | None, html_file: Path | None, **choices: Any) -> None:
    """Ask TARGETs (edges, by URL) for many objects; report hit ratio, latency and origin offload."""
    console = Console(stderr=str(json_file) == "-")
    result = uvloop.run(measure(_order(targets, choices), console))
    console.print(render(result), highlight=False)
    if json_file is not None:
        _write("--json", json_file, json.dumps(result, indent=2) + "\n")
    if html_file is not None:
        _write("--html", html_file, page(result))
    if result["run"]["errors"]:
        raise WorkFailed(f"{result['run']['errors']} of {result['run']['requests']} requests failed")


def _order(targets: tuple[Server, ...], choices: dict[str, Any]) -> LoadOrder:
    pace = Pace(choices["concurrency"], choices["rate"], choices["timeout"])
    limit = choices["compare_limit"]
    rooms = Rooms(
        choices["edge_store"], choices["shield_store"], choices["edge_admin"], choices["shield_admin"], limit
    )
    return LoadOrder(
        targets,
        _workload(choices),
        pace,
        choices["seed"],
        choices["host"],
        choices["origin_count"],
        rooms,
    )


def _workload(choices: dict[str, Any]) -> Workload:
    if choices["uncacheable"] + choices["short_lived"] > 1:
        raise Refused("--uncacheable and --short-lived: together more than all objects")
    requests, trace = choices["requests"], choices["trace"]
    if trace is not None:
        try:
            workload = read_trace(trace, requests=requests, ttl=choices["ttl"])
        except (OSError, EOFError, ValueError) as error:
            raise Refused(f"--trace: {trace}: {reason(error)}") from error
    else:
        same = (
            "objects",
            "seed",
            "sigma",
            "ttl",
            "drift",
            "scans",
            "uncacheable",
            "short_lived",
            "short_ttl",
        )
        workload = synthetic_workload(
            Mix(
                **{name: choices[name] for name in same},
                alpha=choices["zipf"],
                requests=requests or 20_000,
                median=max(1, choices["median_size"]),
            )
        )
    count, warm = len(workload.sequence), choices["warm_up"]
    warm_up = int(warm * count) if warm < 1 else int(warm)
    if warm_up >= count:
        raise Refused(f"--warm-up: {warm_up} requests, and there are {count}: nothing is left to measure")
    return replace(workload, warm_up=warm_up)


def _write(option: str, file: Path, text: str) -> None:
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{option}: {file}: {reason(error)}") from error
