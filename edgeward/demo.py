"""`edgeward demo`: the whole on one machine: origin, shield, edges, load, purge; then everything is gone again."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import click
import uvloop
from rich.console import Console

from edgeward.addresses import free_ports, parse_server
from edgeward.demo_processes import Children
from edgeward.faults import WorkFailed
from edgeward.load_measure import LoadOrder, measure
from edgeward.load_report import render
from edgeward.load_run import Pace
from edgeward.load_synthetic import Mix, synthetic_workload
from edgeward.load_workload import Workload
from edgeward.origin import told_to_stop
from edgeward.purge import receipt_table, send
from edgeward.tiers import ASKED_ON, outcome, read_tiers, without_keys
from httpcache.settings import admin_port

TAG = "group-0"
"""The tag that is purged: that of the most popular object, and of every sixteenth."""

PURGE_WAIT = 10.0


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """What the demo is asked to do."""

    edges: int
    requests: int
    objects: int
    stay: bool


class Demo:
    """One demo, in the order of its steps."""

    def __init__(self, order: DemoOrder, folder: Path, children: Children, console: Console) -> None:
        self._order = order
        self._folder = folder
        self._children = children
        self._console = console
        origin, shield, *edges = free_ports(2 + order.edges)
        self._origin, self._shield, self._edges = origin, shield, edges
        self._failures: list[str] = []
        self._steps = 0

    async def run(self) -> list[str]:
        """Run all steps; what failed, in a line each."""
        workload = synthetic_workload(Mix(self._order.objects, 0.9, self._order.requests))
        async with aiohttp.ClientSession() as session:
            await self._start(session)
            await self._load(workload)
            await self._purge()
            await self._ask_again(session, workload)
            if self._order.stay:
                await self._stay()
        return self._failures

    def _step(self, text: str) -> None:
        self._steps += 1
        self._console.print(f"\n[bold]{self._steps}. {text}[/]", highlight=False)

    def _check(self, good: bool, text: str) -> None:
        self._console.print(f"   {'[green]yes[/]' if good else '[red]NO[/]'}  {text}", highlight=False)
        if not good:
            self._failures.append(text)

    async def _start(self, session: aiohttp.ClientSession) -> None:
        self._step(
            f"Starting a sample origin, a shield and {len(self._edges)} edges, each by its own command"
        )
        origin, shield = _url(self._origin), _url(self._shield)
        self._command("origin", self._origin, f"{origin}/_count")
        self._command("shield", self._shield, f"{_admin(self._shield)}/readyz", "--origin", origin)
        for index, port in enumerate(self._edges, 1):
            self._command("edge", port, f"{_admin(port)}/readyz", "--shield", shield, name=f"edge-{index}")
        for child in self._children.running:
            await self._children.ready(session, child)
        self._console.print("   all are ready")

    def _command(self, command: str, port: int, ready_url: str, *flags: str, name: str = "") -> None:
        arguments = [command, "--listen", f"127.0.0.1:{port}", *flags]
        name = name or command
        if command != "origin":
            arguments += [
                "--name",
                name,
                "--ram",
                "64MiB",
                "--disk",
                "256MiB",
                "--data",
                str(self._folder / name),
            ]
        self._console.print(
            f"   edgeward {' '.join(arguments)}", highlight=False, soft_wrap=True, style="dim"
        )
        self._children.start(name, arguments, ready_url)

    async def _load(self, workload: Workload) -> None:
        order = self._order
        self._step(f"{order.requests:,} requests for {order.objects:,} objects, Zipf 0.9, over all edges")
        targets = tuple(parse_server(_url(port)) for port in self._edges)
        count = parse_server(_url(self._origin))
        result = await measure(
            LoadOrder(targets, workload, Pace(), host=self._host, count=count), self._console
        )
        self._console.print(render(result), highlight=False)
        seen, errors = result["origin"], result["run"]["errors"]
        allowed = result["workload"]["distinct_objects"] + seen["validations"]
        self._check(errors == 0, f"every request was answered whole ({errors} errors)")
        text = f"the origin saw {seen['requests']:,} requests, no more than objects and validations ({allowed:,})"
        self._check(seen["requests"] <= allowed, text)

    async def _purge(self) -> None:
        key = self._folder / "shield" / "keys" / "operator.key"
        self._step(f"Purging the tag {TAG}, signed with the key that the shield made at its first start")
        command = f"edgeward purge --to {_admin(self._shield)} --key {key} --tag {TAG}"
        self._console.print(f"   {command}", highlight=False, soft_wrap=True, style="dim")
        order: dict[str, Any] = {"kind": "tag", "targets": [TAG], "soft": False}
        receipt = await send(_admin(self._shield), key, order, PURGE_WAIT)
        self._console.print(receipt_table(receipt), highlight=False)
        self._check(bool(receipt["confirmed"]), "every edge has confirmed")

    async def _ask_again(self, session: aiohttp.ClientSession, workload: Workload) -> None:
        path = workload.path(0)
        self._step(f"Asking every edge twice for an object with that tag: {path}")
        for index, port in enumerate(self._edges, 1):
            for turn, expected in (("first", "miss"), ("second", "hit")):
                async with session.get(_url(port) + path, headers={"Host": self._host}) as answer:
                    await answer.read()
                    said = ", ".join(answer.headers.getall("Cache-Status", ()))
                members = read_tiers(said)
                missed = not members or outcome(members[-1]) in ASKED_ON
                good = bool(members) and missed == (expected == "miss")
                self._check(
                    good,
                    f"edge-{index}, {turn} request is a {expected}: {without_keys(said) or 'no Cache-Status'}",
                )

    async def _stay(self) -> None:
        stop = told_to_stop()
        self._step("Staying up until Ctrl-C")
        for name, url in (
            ("origin", _url(self._origin)),
            ("shield", _url(self._shield)),
            *((f"edge-{index}", _url(port)) for index, port in enumerate(self._edges, 1)),
        ):
            self._console.print(f"   {name:8} {url}/")
        self._console.print(f"   folder   {self._folder}", soft_wrap=True)
        await stop.wait()

    @property
    def _host(self) -> str:
        return f"127.0.0.1:{self._edges[0]}"


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _admin(port: int) -> str:
    return _url(admin_port(port))


async def _run(order: DemoOrder, console: Console) -> list[str]:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="edgeward-demo-", ignore_cleanup_errors=True) as name:
        children = Children(Path(name))
        try:
            return await Demo(order, Path(name), children, console).run()
        finally:
            children.stop()
            console.print("\nall processes are stopped, the folder is removed")


EXAMPLES = """\b
Examples:
  edgeward demo
  edgeward demo --edges 5 --requests 50000
  edgeward demo --stay

\b
Exit codes: 0 all checks hold, 1 one does not, or something could not be started."""


@click.command(epilog=EXAMPLES)
@click.option("--edges", type=click.IntRange(1, 50), default=3, show_default=True, help="Edges to start.")
@click.option(
    "--requests", type=click.IntRange(1), default=20_000, show_default=True, help="Requests to send."
)
@click.option(
    "--objects", type=click.IntRange(1), default=2000, show_default=True, help="Objects they ask for."
)
@click.option("--stay", is_flag=True, help="Keep everything running until Ctrl-C.")
def demo(edges: int, requests: int, objects: int, stay: bool) -> None:
    """Show the whole on this machine: origin, shield, edges, a load run, a purge with its receipt."""
    console = Console()
    try:
        failures = uvloop.run(_run(DemoOrder(edges, requests, objects, stay), console))
    except asyncio.CancelledError as error:
        raise WorkFailed("told to stop") from error
    if failures:
        raise WorkFailed("\n".join(f"does not hold: {failure}" for failure in failures))
    console.print("[green]every check holds[/]")
