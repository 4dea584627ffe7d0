"""`edgeward load`: drives requests at edges, and reports hit ratios, latencies and what the origin still saw."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import click
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edgeward.addresses import Server, ServerParam
from edgeward.faults import Refused, WorkFailed, reason
from edgeward.load_client import AskError, Target
from edgeward.load_report import OriginSaw, render, report
from edgeward.load_run import Pace, Run, drive
from edgeward.load_workload import Workload, read_trace, zipf_workload
from httpcache.setting_kinds import parse_size


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """What one run is asked to do. `host` is the Host that every request names; `count` has the origin's count."""

    targets: tuple[Server, ...]
    workload: Workload
    pace: Pace
    seed: int = 42
    host: str = ""
    count: Server | None = None


async def measure(order: LoadOrder, console: Console) -> dict[str, Any]:
    """Run a load order; its report. Raises WorkFailed or Refused when a target or the count cannot be asked."""
    host = order.host or order.targets[0].authority
    targets = [Target(server, host) for server in order.targets]
    try:
        for target in targets:
            await _check(target)
        before = await _origin_count(order, host)
        run = Run(order.workload, order.pace)
        with _progress(console, run) as show:
            await drive(run, targets, order.seed, show)
        after = await _origin_count(order, host) if before is not None else None
    finally:
        for target in targets:
            target.close()
    saw = OriginSaw.between(before, after) if before is not None and after is not None else None
    return report(run, saw)


async def _check(target: Target) -> None:
    try:
        (await target.connect()).close()
    except AskError as error:
        raise WorkFailed(
            f"cannot connect to {target.server.url}: {reason(error.__cause__ or error)}"
        ) from error


async def _origin_count(order: LoadOrder, host: str) -> dict[str, Any] | None:
    """The origin's own count: asked directly, or through the first target where no origin was named."""
    server = order.count or order.targets[0]
    fields = {} if order.count else {"Host": host}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.get(f"{server.url}/_count", headers=fields) as response,
        ):
            count = await response.json() if response.content_type == "application/json" else None
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        if order.count is None:
            return None
        raise Refused(f"--origin-count: cannot ask {server.url}/_count: {reason(error)}") from error
    if isinstance(count, dict) and count.get("edgeward_origin"):
        return count
    if order.count is None:
        return None
    raise Refused(f"--origin-count: {server.url}/_count is not the count of a sample origin")


class _Progress(AbstractContextManager["Callable[[], None]"]):
    """A progress bar with the running hit ratio."""

    def __init__(self, console: Console, run: Run) -> None:
        self._run = run
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("hit ratio {task.fields[ratio]:.1%}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("requests", total=len(run.workload.sequence), ratio=0.0)

    def __enter__(self) -> Callable[[], None]:
        self._bar.start()
        return self._show

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _show(self) -> None:
        run = self._run
        self._bar.update(self._task, completed=run.done, ratio=run.tally.running_hit_ratio)


def _progress(console: Console, run: Run) -> AbstractContextManager[Callable[[], None] | None]:
    return _Progress(console, run) if console.is_terminal else nullcontext(None)


EXAMPLES = """\b
Examples:
  edgeward load http://127.0.0.1:8080
  edgeward load http://127.0.0.1:8080 http://127.0.0.1:8082 --objects 2000 --zipf 0.9 --requests 20000
  edgeward load http://127.0.0.1:8080 --rate 500 --origin-count http://127.0.0.1:9000 --json report.json
  edgeward load http://127.0.0.1:8080 --trace requests.csv.gz --concurrency 1

\b
The targets' origin is `edgeward origin`. A trace has one key,size (or time,key,size) line for each request.
Every request names the same Host, so that edges behind one shield share what it holds.
Exit codes: 0 fine, 1 requests failed or nothing to connect to, 2 wrong usage."""


@click.command(epilog=EXAMPLES)
@click.argument("targets", nargs=-1, required=True, type=ServerParam(), metavar="TARGET...")
@click.option(
    "--origin-count", type=ServerParam(), help="Sample origin to ask for its count. [default: via TARGET]"
)
@click.option(
    "--host", default="", metavar="NAME", help="Host of every request.  [default: the first target's]"
)
@click.option(
    "--objects", type=click.IntRange(1, 10**8), default=2000, show_default=True, help="Distinct objects."
)
@click.option(
    "--zipf", type=click.FloatRange(0, 5), default=0.9, show_default=True, help="Skew of popularity."
)
@click.option(
    "--requests", type=click.IntRange(1, 10**9), help="Requests to send.  [default: 20000, or the trace's]"
)
@click.option(
    "--seed", type=int, default=42, show_default=True, help="The same seed asks for the same sequence."
)
@click.option(
    "--median-size", default="1.8KiB", show_default=True, metavar="SIZE", help="Median of the sizes."
)
@click.option(
    "--sigma", type=click.FloatRange(0, 5), default=1.7, show_default=True, help="Spread of log sizes."
)
@click.option(
    "--ttl", type=click.IntRange(0, 2**31), default=3600, show_default=True, help="max-age, in seconds."
)
@click.option(
    "--trace", type=click.Path(path_type=Path), metavar="FILE", help="Replay key,size lines (plain, .gz)."
)
@click.option(
    "--concurrency", type=click.IntRange(1, 10**5), default=64, show_default=True, help="Requests at a time."
)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Requests a second (open loop).")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True, help="Seconds."
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write JSON; - is stdout."
)
def load(
    targets: tuple[Server, ...],
    origin_count: Server | None,
    host: str,
    concurrency: int,
    rate: float | None,
    timeout: float,
    json_file: Path | None,
    seed: int,
    **choices: Any,
) -> None:
    """Ask TARGETs (edges, by URL) for many objects; report hit ratio, latency and origin offload."""
    workload = _workload(seed=seed, **choices)
    pace = Pace(concurrency, rate, timeout)
    to_stdout = str(json_file) == "-"
    console = Console(stderr=to_stdout)
    result = uvloop.run(measure(LoadOrder(targets, workload, pace, seed, host, origin_count), console))
    console.print(render(result), highlight=False)
    if json_file is not None:
        _write_json(json_file, result)
    if result["run"]["errors"]:
        raise WorkFailed(f"{result['run']['errors']} of {result['run']['requests']} requests failed")


def _workload(
    *, seed: int, trace: Path | None, requests: int | None, objects: int, zipf: float, median_size: str,
    sigma: float, ttl: int,
) -> Workload:  # fmt: skip
    if trace is not None:
        try:
            return read_trace(trace, requests=requests, ttl=ttl)
        except (OSError, EOFError, ValueError) as error:
            raise Refused(f"--trace: {trace}: {reason(error)}") from error
    try:
        median = parse_size(median_size)
    except ValueError as error:
        raise Refused(f"--median-size: {median_size!r} {error}") from error
    assert isinstance(median, int)
    return zipf_workload(
        objects=objects,
        alpha=zipf,
        requests=requests or 20_000,
        seed=seed,
        median=max(1, median),
        sigma=sigma,
        ttl=ttl,
    )


def _write_json(file: Path, result: dict[str, Any]) -> None:
    text = json.dumps(result, indent=2) + "\n"
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    try:
        file.write_text(text)
    except OSError as error:
        raise Refused(f"--json: {file}: {reason(error)}") from error
