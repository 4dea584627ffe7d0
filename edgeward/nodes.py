"""`edgeward nodes`: which nodes follow the purge log, how far each is, and retiring one that has left for good."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edgeward.addresses import Server, ServerParam
from edgeward.faults import WorkFailed, reason
from edgeward.purge import operator_key
from httpcache.purge.client import OrderRefused, ask_nodes, retire_node

T = TypeVar("T")

EXAMPLES = """\b
Examples:
  edgeward nodes --to http://127.0.0.1:9081 --key operator.key
  edgeward nodes --to http://127.0.0.1:9081 --key operator.key --json
  edgeward nodes --to http://127.0.0.1:9081 --key operator.key retire edge-8083

\b
A node that is retired is waited for by no receipt any more, and its name is free. If it comes back, it is known anew.
Exit codes: 0 done, 1 it was refused or nobody answers, 2 wrong usage."""


@click.group(invoke_without_command=True, epilog=EXAMPLES)
@click.option("--to", type=ServerParam(), required=True, help="Admin listener of the shield or of an edge.")
@click.option(
    "--key", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Operator's private key."
)
@click.option(
    "--audience", default="edgeward", show_default=True, help="What purge.audience is at the nodes."
)
@click.option("--json", "as_json", is_flag=True, help="Print what is answered as JSON.")
@click.pass_context
def nodes(context: click.Context, to: Server, key: Path, audience: str, as_json: bool) -> None:
    """List the nodes that purge orders reach, or retire one."""
    private = operator_key(key)
    context.obj = (to, private, audience, as_json)
    if context.invoked_subcommand is not None:
        return
    told = _answer(ask_nodes(to.url, private, audience=audience), to)
    if as_json:
        click.echo(json.dumps(told, indent=2))
    else:
        Console().print(nodes_table(told), highlight=False)


@nodes.command(epilog=EXAMPLES)
@click.argument("name")
@click.option(
    "--force", is_flag=True, help="Also while it follows the log, as one whose key was stolen does."
)
@click.pass_context
def retire(context: click.Context, name: str, force: bool) -> None:
    """Forget the node NAME, which has left for good."""
    to, private, audience, as_json = context.obj
    _answer(retire_node(to.url, private, name, force=force, audience=audience), to)
    click.echo(json.dumps({"retired": name}) if as_json else f"{name} is retired")


def _answer(asked: Coroutine[Any, Any, T], to: Server) -> T:
    try:
        return asyncio.run(asked)
    except OrderRefused as error:
        raise WorkFailed(f"refused: {reason(error)}") from error
    except OSError as error:
        raise WorkFailed(f"cannot reach {to.url}: {reason(error)}") from error


def nodes_table(told: dict[str, Any]) -> Table:
    """The nodes, and their workers where one has several."""
    title = f"purge log: epoch {told['epoch']}, newest order {told['newest']}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("node")
    table.add_column("state")
    table.add_column("applied", justify="right")
    for node in told["nodes"]:
        workers = node["workers"]
        heard = min((worker["heard_at"] for worker in workers), default=0.0)
        rows = [(node["node"], node["state"], node["applied"], heard)]
        if len(workers) > 1:
            rows += [(f"  {one['worker']}", one["state"], one["applied"], one["heard_at"]) for one in workers]
        for name, state, applied, at in rows:
            table.add_row(escape(name), _state(state, at), str(applied))
    return table


def _state(state: str, heard_at: float) -> str:
    if state != "away":
        return f"[green]{escape(state)}[/]"
    return f"[red]away since {datetime.fromtimestamp(heard_at, UTC):%Y-%m-%d %H:%M:%S} UTC[/]"
