"""`edgeward check`: is a settings file good, and if not, which key on which line."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edgeward.faults import Refused
from edgeward.load_report import size
from edgeward.settings_file import Flag, SettingsError, SettingsFault, fault_line, parse_settings, read_text
from httpcache.settings import Settings

EXAMPLES = """\b
Examples:
  edgeward check edge.toml
  edgeward check shield.toml --tier shield
  edgeward check edge.toml --json

\b
Exit codes: 0 the file is good, 2 it is not; each fault is one line with file, line and key."""


@click.command(epilog=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--tier", type=click.Choice(["edge", "shield"]), help="Tier it is for.  [default: the file's, or edge]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the faults as JSON.")
def check(file: Path, tier: str | None, as_json: bool) -> None:
    """Check a settings FILE; name every fault by key and line."""
    faults: list[SettingsFault] = []
    settings = None
    try:
        flags = (Flag("--tier", ("tier",), tier),) if tier else ()
        settings = parse_settings(read_text(file), flags)
    except SettingsError as error:
        faults = error.faults
    if as_json:
        told = [{"key": fault.key, "line": fault.line, "message": fault.message} for fault in faults]
        click.echo(json.dumps({"file": str(file), "good": not faults, "faults": told}, indent=2))
        if faults:
            raise click.exceptions.Exit(2)
    if settings is None:
        raise Refused("\n".join(fault_line(fault, file) for fault in faults))
    if not as_json:
        click.echo(f"{file}: good: {summary(settings)}")


def summary(settings: Settings) -> str:
    """What the settings make of a node, in one line."""
    hops = settings.shields or ((settings.origin,) if settings.origin else tuple(settings.origins.values()))
    host, port = settings.admin_address
    disk = f"disk {size(settings.store.disk)} in {settings.data_folder}" if settings.store.disk else "no disk"
    return (
        f"{settings.tier} {settings.node_name} on {settings.listen}, admin on {host}:{port}, asks {', '.join(hops)}; "
        f"{settings.workers} worker{'s' if settings.workers > 1 else ''}, RAM {size(settings.store.ram)}, {disk}"
    )
