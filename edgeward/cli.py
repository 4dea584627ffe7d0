"""The `edgeward` command: finds each subcommand in its own module, and imports only the one that runs."""

from __future__ import annotations

import importlib
from importlib.metadata import version

import click

COMMANDS = {
    "edge": ("edgeward.node", "edge", "Run an edge: the cache that clients ask."),
    "shield": ("edgeward.node", "shield", "Run a shield: the cache in front of the origin."),
    "purge": ("edgeward.purge", "purge", "Purge by URL, prefix, tag, host or everything; print the receipt."),
    "nodes": ("edgeward.nodes", "nodes", "List the nodes that purges reach; retire one that has left."),
    "keys": ("edgeward.keys", "keys", "Make keys that sign purge orders."),
    "check": ("edgeward.check", "check", "Check a settings file."),
    "explain": ("edgeward.explain", "explain", "Tell why a URL was a hit or a miss."),
    "load": ("edgeward.load", "load", "Measure hit ratio, latency and origin offload."),
    "origin": ("edgeward.origin", "origin", "Run the sample origin."),
    "demo": ("edgeward.demo", "demo", "Show the whole: origin, shield, edges, load, purge."),
}
"""Name: module, attribute, one line for the list."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


def _print_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        form = importlib.import_module("httpcache.serve.hits").FORM
        click.echo(f"edgeward {version('edgeward')} (hits: {form})")
        ctx.exit()


EXAMPLES = """\b
Examples:
  edgeward demo
  edgeward shield --listen 127.0.0.1:8081 --origin http://127.0.0.1:9000
  edgeward edge --listen 127.0.0.1:8080 --shield http://127.0.0.1:8081
  edgeward explain http://127.0.0.1:8080/

\b
Exit codes: 0 fine, 1 the work failed, 2 wrong usage, settings, port or folder."""


@click.command(cls=LazyGroup, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version, and in which form hits run.",
)
def main() -> None:
    """Edgeward: a CDN that one team can run itself."""
