"""`edgeward purge`: signs an order, sends it, and prints the receipt edge by edge."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from edgeward.addresses import Server, ServerParam
from edgeward.faults import Refused, WorkFailed, reason
from httpcache.purge.client import OrderRefused, send_order
from httpcache.purge.keys import KeyFault, PrivateKey, load_private_key

EXAMPLES = """\b
Examples:
  edgeward purge --to http://127.0.0.1:9081 --key operator.key --url https://www.example.com/news
  edgeward purge --to http://127.0.0.1:9081 --key operator.key --prefix https://www.example.com/img/
  edgeward purge --to http://127.0.0.1:9081 --key operator.key --tag news --tag front --soft
  edgeward purge --to http://127.0.0.1:9081 --key operator.key --tag news --host img.example.com --dry-run
  edgeward purge --to http://127.0.0.1:9081 --key operator.key --everything --wait 30 --json

\b
--to is the admin listener of the shield, or of any edge, which hands the order on.
The shield makes a key at its first start: keys/operator.key in its data folder.
Exit codes: 0 every edge has confirmed (--dry-run: has counted), 1 one has not in time or the order was refused,
2 wrong usage."""


@click.command(epilog=EXAMPLES)
@click.option("--to", type=ServerParam(), required=True, help="Admin listener of the shield or of an edge.")
@click.option(
    "--key", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Operator's private key."
)
@click.option("--url", multiple=True, metavar="U", help="Purge this URL; repeat for several.")
@click.option("--prefix", multiple=True, metavar="P", help="Purge every URL that begins so.")
@click.option("--tag", multiple=True, metavar="T", help="Purge what the origin gave this tag.")
@click.option("--host", multiple=True, metavar="H", help="Purge everything of this host.")
@click.option("--everything", is_flag=True, help="Purge everything.")
@click.option("--soft", is_flag=True, help="Mark as stale, so that it is validated, instead of gone.")
@click.option("--dry-run", "dry", is_flag=True, help="Count what it would match on each node; purge nothing.")
@click.option(
    "--wait", type=click.FloatRange(0, 600), default=10.0, show_default=True, help="Seconds for the receipt."
)
@click.option(
    "--audience", default="edgeward", show_default=True, help="What purge.audience is at the nodes."
)
@click.option("--json", "as_json", is_flag=True, help="Print the receipt as JSON.")
def purge(to: Server, key: Path, wait: float, audience: str, as_json: bool, **asked: Any) -> None:
    """Purge by URL, prefix, tag, host or everything, on every edge; print the receipt."""
    order = purge_order(**asked)
    receipt = asyncio.run(send(to.url, key, order, wait, audience))
    is_dry = bool(asked["dry"])
    if as_json:
        click.echo(json.dumps(receipt, indent=2))
    else:
        Console().print(count_table(receipt) if is_dry else receipt_table(receipt), highlight=False)
    if not receipt["complete" if is_dry else "confirmed"]:
        raise WorkFailed(f"not {'counted' if is_dry else 'confirmed'} by every edge within {wait:g} s")


def purge_order(*, everything: bool, soft: bool, dry: bool, **named: tuple[str, ...]) -> dict[str, Any]:
    """The order that the flags ask for, or a batch with one order for each kind. Raises click.UsageError for none."""
    kinds = [kind for kind, targets in named.items() if targets] + ["everything"] * everything
    if not kinds or (everything and len(kinds) > 1):
        raise click.UsageError(
            "give at least one of --url, --prefix, --tag, --host (each as often as needed), or --everything alone"
        )
    orders = [{"kind": kind, "targets": list(named.get(kind, ())), "soft": soft} for kind in kinds]
    order: dict[str, Any] = orders[0] if len(orders) == 1 else {"orders": orders}
    return {**order, "dry": True} if dry else order


def operator_key(path: Path) -> PrivateKey:
    """The private key that `--key` names. Raises Refused."""
    try:
        return load_private_key(path)
    except KeyFault as error:
        raise Refused(f"--key: {reason(error)}") from error
    except OSError as error:
        raise Refused(f"--key: {path}: {reason(error)}") from error


async def send(
    url: str, key: Path, order: dict[str, Any], wait: float, audience: str = "edgeward"
) -> dict[str, Any]:
    """Sign and send an order; its receipt. Raises Refused for the key, WorkFailed for the rest."""
    private = operator_key(key)
    try:
        return await send_order(url, private, order, wait=wait, audience=audience)
    except OrderRefused as error:
        raise WorkFailed(f"the order was refused: {reason(error)}") from error
    except OSError as error:
        raise WorkFailed(f"cannot reach {url}: {reason(error)}") from error


def receipt_table(receipt: dict[str, Any]) -> RenderableType:
    """The receipt, edge by edge, and worker by worker where a node has several."""
    said = "confirmed by every edge" if receipt["confirmed"] else "[red]not confirmed by every edge[/]"
    title = Text.from_markup(f"order {escape(str(receipt.get('id', '?')))}: {said}")
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("node")
    table.add_column("state")
    table.add_column("applied after", justify="right")
    for node in receipt.get("nodes", ()):
        workers = node["workers"] if len(node["workers"]) > 1 else []
        for row, name in [(node, node["node"]), *((worker, f"  {worker['worker']}") for worker in workers)]:
            table.add_row(escape(name), _state(row), _after(row, receipt))
    return Group(title, table)


def count_table(count: dict[str, Any]) -> RenderableType:
    """What a dry order would match, node by node."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("node")
    table.add_column("stored responses that match", justify="right")
    for node in count["nodes"]:
        about = "" if node["exact"] else "about "
        said = f"{about}{node['matched']}" if node["state"] != "away" else "?"
        late = "" if node["state"] == "counted" else f" ({escape(node['state'])})"
        table.add_row(escape(node["node"]), f"{said}{late}")
    return Group(Text("dry run: nothing is purged"), table)


def _state(row: dict[str, Any]) -> str:
    if row["state"] == "confirmed":
        return "[green]confirmed[/]"
    since = (
        f" since {datetime.fromtimestamp(row['since'], UTC):%Y-%m-%d %H:%M:%S} UTC" if "since" in row else ""
    )
    return f"[red]{escape(row['state'])}{since}[/]"


def _after(row: dict[str, Any], receipt: dict[str, Any]) -> str:
    """How long after the order a node or worker had applied it."""
    if "applied_at" not in row or "at" not in receipt:
        return "–"
    return f"{max(0.0, row['applied_at'] - receipt['at']) * 1000:.0f} ms"
