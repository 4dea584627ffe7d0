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
from edgeward.load_budgets import EMPTY, NoBudgets, overheads, read_budgets
from edgeward.load_client import AskError, Target
from edgeward.load_compare import Stores, compare
from edgeward.load_result import OriginSaw, report
from edgeward.load_run import Pace, Run, drive
from edgeward.load_workload import Workload
from edgeward.simulate import Budgets
from httpcache.settings import admin_port

PROBE = "/objects/probe?size=1000&tag=group-0"
"""What is asked for to see which fields the tiers store beside a body."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """Where the budgets of the nodes under load are known from: given, or read from their admin listeners."""

    edge: Budgets | None = None
    shield: Budgets | None = None
    edge_admin: Server | None = None
    shield_admin: Server | None = None
    limit: float = 120.0
    """Longest time for one policy, in seconds."""


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """What one run is asked to do. `host` is the Host that every request names; `count` has the origin's count.

    `rooms` None: nothing is compared.
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
    targets = [Target(server, order.named) for server in order.targets]
    run = Run(order.workload, order.pace)
    before: dict[str, Any] | None = None

    async def warmed_up() -> None:
        nonlocal before
        before = await _origin_count(order)

    try:
        for target in targets:
            await _check(target)
        stores, why_not = await _stores(order)
        with _progress(console, run) as show:
            await drive(run, targets, order.seed, progress=show, warmed_up=warmed_up)
        after = await _origin_count(order) if before is not None else None
    finally:
        for target in targets:
            target.close()
    saw = OriginSaw.between(before, after) if before is not None and after is not None else None
    result = report(run, saw)
    if stores is not None and order.rooms is not None:
        with console.status("simulating other policies over the same requests"):
            lines = await asyncio.to_thread(compare, run, stores, order.rooms.limit)
        result["compared"] = {"budgets": _told(stores), "held_before": stores.held, "policies": lines}
    elif order.rooms is not None:
        result["compared"] = {"budgets": None, "policies": [], "why_not": why_not}
    return result


def _told(stores: Stores) -> dict[str, Any]:
    rooms = {"edge": stores.edge, "shield": stores.shield}
    return {
        name: {"ram": one.ram, "disk": one.disk, "beside_in_ram": one.overhead[0], "beside_on_disk": one.overhead[1]}
        for name, one in rooms.items()
        if one is not None
    }  # fmt: skip


async def _stores(order: LoadOrder) -> tuple[Stores | None, str]:
    """The room of the tiers, or why it is not known."""
    rooms, held = order.rooms, 0
    if rooms is None:
        return None, ""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        costs = await _overheads(session, order)
        try:
            edge, shield = rooms.edge, rooms.shield
            if edge is None:
                edge, held = await read_budgets(session, rooms.edge_admin or _admin(order.targets[0]))
            if shield is None and rooms.shield_admin is not None:
                shield, _ = await read_budgets(session, rooms.shield_admin)
        except NoBudgets as error:
            return None, str(error)
    at_edge = costs[0] if costs else (0, 0)
    at_shield = costs[1] if len(costs) > 1 else at_edge
    return Stores(_with(edge, at_edge), _with(shield, at_shield) if shield else None, held), ""


def _with(room: Budgets, beside: tuple[int, int]) -> Budgets:
    """A node's room for objects that cost something beside their octets."""
    return Budgets(room.ram, max(0, room.disk - EMPTY), beside)


def _admin(target: Server) -> Server:
    """The admin listener that a node has unless it is told otherwise, on the same address."""
    port = admin_port(target.port)
    return Server("http", target.host, port, f"{target.authority.rsplit(':', 1)[0]}:{port}")


async def _overheads(session: aiohttp.ClientSession, order: LoadOrder) -> list[tuple[int, int]]:
    try:
        async with session.get(f"{order.targets[0].url}{PROBE}", headers={"Host": order.named}) as response:
            await response.read()
    except (TimeoutError, aiohttp.ClientError, OSError):
        return []
    return overheads(response.headers.items(), f"{order.named}{PROBE}", "group-0")


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
