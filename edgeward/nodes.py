"""`edgeward nodes`: which nodes follow the purge log, how far each is, and retiring one that has left for good."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import dataclass
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
from httpcache.purge.keys import PrivateKey

T = TypeVar("T")

EXAMPLES = """\b
Examples:
  edgeward nodes --to http://127.0.0.1:9081 --key operator.key
  edgeward nodes --to http://127.0.0.1:9081 --key operator.key --json
  edgeward nodes --to http://127.0.0.1:9081 --key operator.key retire edge-8083

\b
--to and --key are needed in any case, and stand before `retire`.
Exit codes: 0 done, 1 it was refused or nobody answers, 2 wrong usage."""

RETIRE_EXAMPLES = """\b
Examples:
  edgeward nodes --to http://127.0.0.1:9081 --key operator.key retire edge-8083
  edgeward nodes --to http://127.0.0.1:9081 --key operator.key retire edge-8083 --force
  edgeward nodes --to http://127.0.0.1:9081 --key operator.key --json retire edge-8083

\b
No receipt waits any more for a node that is retired, and its name is free. If it comes back, it is known anew.
Exit codes: 0 it is retired, 1 it was refused or nobody answers, 2 wrong usage."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the flags before the subcommand say; whether that is enough is seen where it is needed."""

    to: Server | None
    key: Path | None
    audience: str
    as_json: bool

    def signer(self, context: click.Context) -> tuple[Server, PrivateKey]:
        """Whom to ask, and the key to sign with. Raises click.UsageError, or Refused for the key."""
        missing = [flag for flag, value in (("--to", self.to), ("--key", self.key)) if value is None]
        if self.to is None or self.key is None:
            where = " before `retire`" if context.command.name == "retire" else ""
            raise click.UsageError(f"give {' and '.join(missing)}{where}", context)
        return self.to, operator_key(self.key)


@click.group(invoke_without_command=True, epilog=EXAMPLES)
@click.option("--to", type=ServerParam(), help="Admin listener of the shield or of an edge.  [required]")
@click.option(
    "--key", type=click.Path(path_type=Path), metavar="FILE", help="Operator's private key.  [required]"
)
@click.option(
    "--audience", default="edgeward", show_default=True, help="What purge.audience is at the nodes."
)
@click.option("--json", "as_json", is_flag=True, help="Print what is answered as JSON.")
@click.pass_context
def nodes(context: click.Context, to: Server | None, key: Path | None, audience: str, as_json: bool) -> None:
    """List the nodes that purge orders reach, or retire one."""
    context.obj = Asked(to, key, audience, as_json)
    if context.invoked_subcommand is not None:
        return  # which may be asked for its help alone
    server, private = context.obj.signer(context)
    told = _answer(ask_nodes(server.url, private, audience=audience), server)
    if as_json:
        click.echo(json.dumps(told, indent=2))
    else:
        # A line of its own: as the title of a narrow table it would be broken.
        click.echo(f"purge log: epoch {told['epoch']}, newest order {told['newest']}")
        Console().print(nodes_table(told), highlight=False)


@nodes.command(epilog=RETIRE_EXAMPLES)
@click.argument("name")
@click.option(
    "--force", is_flag=True, help="Also while it follows the log, as one whose key was stolen does."
)
@click.pass_context
def retire(context: click.Context, name: str, force: bool) -> None:
    """Forget the node NAME, which has left for good."""
    asked: Asked = context.obj
    to, private = asked.signer(context)
    _answer(retire_node(to.url, private, name, force=force, audience=asked.audience), to)
    click.echo(json.dumps({"retired": name}) if asked.as_json else f"{name} is retired")


def _answer(asked: Coroutine[Any, Any, T], to: Server) -> T:
    try:
        return asyncio.run(asked)
    except OrderRefused as error:
        said = reason(error)
        if error.error == "node-follows":  # the API's reason names its own member
            said = "the node follows the log, and would be named again: stop it first, or say --force"
        raise WorkFailed(f"refused: {said}") from error
    except OSError as error:
        raise WorkFailed(f"cannot reach {to.url}: {reason(error)}") from error


def nodes_table(told: dict[str, Any]) -> Table:
    """The nodes, and their workers where one has several."""
    table = Table(box=None, pad_edge=False, header_style="bold")
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
