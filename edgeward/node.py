"""`edgeward edge` and `edgeward shield`: settings from flags and file, then the node runs until it is told to stop."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from edgeward.faults import Refused
from edgeward.settings_file import Flag, load_settings
from httpcache.settings import Settings

SETTINGS = {
    "listen": ("listen",),
    "origin": ("origin",),
    "shields": ("shields",),
    "name": ("name",),
    "data": ("data",),
    "workers": ("workers",),
    "admin": ("admin",),
    "ram": ("store", "ram"),
    "disk": ("store", "disk"),
    "log_at": ("purge", "log_at"),
    "access_log": ("observe", "access_log"),
}
"""Parameter of the command: path of the setting."""

FLAG_NAMES = {"shields": "--shield"}

Command = Callable[..., Any]


def _node_options(listen: str) -> Callable[[Command], Command]:
    """The flags that both tiers have. None has a default of its own, so that the file's value stands."""
    options = [
        click.option("--listen", metavar="HOST:PORT", help=f"Address for clients.  [default: {listen}]"),
        click.option(
            "--name", metavar="NAME", help="Name in Via, Cache-Status, receipts.  [default: TIER-PORT]"
        ),
        click.option("--data", metavar="DIR", help="Data folder.  [default: edgeward-data/NAME]"),
        click.option("--ram", metavar="SIZE", help="RAM store of each worker, as 12MiB.  [default: 256MiB]"),
        click.option("--disk", metavar="SIZE", help="Disk store; 0 is RAM only.  [default: 10GiB]"),
        click.option("--workers", metavar="N", help="Worker processes on the port.  [default: 1]"),
        click.option(
            "--admin", metavar="HOST:PORT", help="Admin listener.  [default: 127.0.0.1, port plus 1000]"
        ),
        click.option(
            "--access-log", metavar="FILE", help="Access log as JSON lines; - is stderr.  [default: none]"
        ),
        click.option(
            "--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings (TOML); flags win."
        ),
    ]

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


EDGE_EXAMPLES = """\b
Examples:
  edgeward edge --listen 127.0.0.1:8080 --shield http://127.0.0.1:8081
  edgeward edge --listen 0.0.0.0:80 --origin http://10.0.0.5 --workers 2 --ram 1GiB --disk 0
  edgeward edge --config edge.toml

\b
SIGTERM or SIGINT: finish what is under way (30 s at most), then stop.
Exit codes: 0 stopped as told, 2 wrong settings, port in use, folder not writable."""

SHIELD_EXAMPLES = """\b
Examples:
  edgeward shield --listen 127.0.0.1:8081 --origin http://127.0.0.1:9000
  edgeward shield --config shield.toml --ram 1GiB

\b
SIGTERM or SIGINT: finish what is under way (30 s at most), then stop.
Exit codes: 0 stopped as told, 2 wrong settings, port in use, folder not writable."""


@click.command(epilog=EDGE_EXAMPLES)
@_node_options("127.0.0.1:8080")
@click.option("--shield", "shields", multiple=True, metavar="URL", help="Shield to ask; repeat for several.")
@click.option("--origin", metavar="URL", help="Origin to ask, where there is no shield.")
@click.option(
    "--log-at", metavar="URL", help="Admin listener that keeps the purge log.  [default: the shield's]"
)
def edge(config: Path | None, **given: Any) -> None:
    """Run an edge: the cache that clients ask."""
    if given["shields"] and given["origin"]:
        raise click.UsageError("give --shield or --origin, not both; the settings file can name both")
    run("edge", config, given, {"listen": "127.0.0.1:8080"})


@click.command(epilog=SHIELD_EXAMPLES)
@_node_options("127.0.0.1:8081")
@click.option("--origin", metavar="URL", help="Origin to ask.")
def shield(config: Path | None, **given: Any) -> None:
    """Run a shield: the cache in front of the origin; it keeps the purge log."""
    run("shield", config, given, {"listen": "127.0.0.1:8081"})


def node_settings(
    tier: str, config: Path | None, given: dict[str, Any], defaults: dict[str, Any]
) -> Settings:
    """The settings of a node. Raises Refused."""
    flags = [
        Flag(FLAG_NAMES.get(name, f"--{name.replace('_', '-')}"), SETTINGS[name], value)
        for name, value in given.items()
        if value not in (None, ())
    ]
    if tier == "edge" and given.get("origin"):
        flags.append(
            Flag("--origin", ("shields",), ())
        )  # the flag names the next hop, whatever the file says
    flags.append(Flag("tier", ("tier",), tier))
    return load_settings(config, tuple(flags), defaults)


def run(tier: str, config: Path | None, given: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Run a node until it is told to stop, and exit with its code."""
    settings = node_settings(tier, config, given, defaults)
    # Imported here: --help and a fault in the settings need nothing of it.
    supervisor = importlib.import_module("httpcache.serve.supervisor")
    try:
        code = supervisor.run(settings, tier)
    except supervisor.StartError as error:
        raise Refused(" ".join(str(error).split())) from error
    sys.exit(code)
