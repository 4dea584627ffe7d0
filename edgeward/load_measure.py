"""One load run from its order to its report: targets, warm-up, what is measured, the origin's count, comparison."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edgeward.addresses import Server
from edgeward.faults import Refused, WorkFailed, reason
from edgeward.load_client import AskError, Target
from edgeward.load_compare import compare
from edgeward.load_result import OriginSaw, report
from edgeward.load_rooms import Found, Rooms, find_rooms
from edgeward.load_run import Pace, Run, drive
from edgeward.load_workload import Workload


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """What one run is asked to do. `host` is the Host that every request names; `count` has the origin's count.

    `rooms` None: what nodes have room for is not asked, and nothing is compared.
    """

    targets: tuple[Server, ...]
    workload: Workload
    pace: Pace
    seed: int = 42
    host: str = ""
    count: Server | None = None
    rooms: Rooms | None = None

    @property
    def named(self) -> str:
        """The Host of every request."""
        return self.host or self.targets[0].authority


async def measure(order: LoadOrder, console: Console) -> dict[str, Any]:
    """Run a load order; its report. Raises WorkFailed or Refused when a target or the count cannot be asked."""
    targets = [Target(server, order.named, order.pace.timeout) for server in order.targets]
    run = Run(order.workload, order.pace)
    before: dict[str, Any] | None = None

    async def warmed_up() -> None:
        nonlocal before
        before = await _origin_count(order)

    try:
        for target in targets:
            await _check(target)
        found = await find_rooms(order.rooms, order.targets, order.named) if order.rooms else Found()
        with _progress(console, run) as show:
            await drive(run, targets, order.seed, progress=show, warmed_up=warmed_up)
        after = await _origin_count(order) if before is not None else None
    finally:
        for target in targets:
            target.close()
    saw = OriginSaw.between(before, after) if before is not None and after is not None else None
    result = report(run, saw, [server.url for server in order.targets])
    if order.rooms is not None:
        result["compared"] = await _compared(run, found, order.rooms.limit, console)
    return result


async def _compared(run: Run, found: Found, limit: float, console: Console) -> dict[str, Any]:
    told = found.told()
    if found.stores is not None and limit:
        with console.status("simulating other policies over the same requests"):
            told["policies"] = await asyncio.to_thread(compare, run, found.stores, limit)
    elif not limit:
        told["why_not"] = "--compare-limit is 0"
    return told


async def _check(target: Target) -> None:
    try:
        (await target.connect()).close()
    except AskError as error:
        raise WorkFailed(
            f"cannot connect to {target.server.url}: {reason(error.__cause__ or error)}"
        ) from error


async def _origin_count(order: LoadOrder) -> dict[str, Any] | None:
    """The origin's own count: asked directly, or through the first target where no origin was named."""
    server = order.count or order.targets[0]
    fields = {} if order.count else {"Host": order.named}
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
        what = "warm-up" if run.over < run.workload.warm_up else "requests"
        self._bar.update(self._task, description=what, completed=run.over, ratio=run.running_hit_ratio)


def _progress(console: Console, run: Run) -> AbstractContextManager[Callable[[], None] | None]:
    return _Progress(console, run) if console.is_terminal else nullcontext(None)
