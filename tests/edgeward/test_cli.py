"""The `edgeward` command: help with examples, exit codes, and quick to start."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from edgeward.cli import COMMANDS, main


def commands_below(group, names=()):
    """The names of every command and every command nested in it, as they are typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*names, name)
        if isinstance(command, click.Group):
            yield from commands_below(command, (*names, name))


COMMAND_NAMES = list(commands_below(main))


def test_nested_commands_are_walked():
    assert {("nodes", "retire"), ("keys", "new"), ("keys", "show"), ("keys", "token")} < set(COMMAND_NAMES)
    assert {names[0] for names in COMMAND_NAMES} == set(COMMANDS)


@pytest.mark.parametrize("names", COMMAND_NAMES, ids=" ".join)
def test_every_command_has_help_with_usage_examples_and_exit_codes(names):
    got = CliRunner().invoke(main, [*names, "--help"])
    assert got.exit_code == 0, got.stderr
    for said in (f"Usage: main {' '.join(names)}", "Examples:", f"edgeward {names[0]}", "Exit codes:"):
        assert said in got.stdout


def test_what_nodes_needs_is_asked_for_when_it_runs():
    for arguments, says in (
        (["nodes"], "--to and --key"),
        (["nodes", "retire", "x"], "--key before `retire`"),
    ):
        got = CliRunner().invoke(main, arguments)
        assert got.exit_code == 2 and says in got.stderr


def test_the_list_names_every_command():
    got = CliRunner().invoke(main, ["--help"])
    for name, (_, _, line) in COMMANDS.items():
        assert name in got.stdout and line in got.stdout


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["load"], ["edge", "--nonsense"], ["origin", "--listen", "x"]]
)
def test_wrong_usage_is_exit_code_2(arguments):
    got = CliRunner().invoke(main, arguments)
    assert got.exit_code == 2
    assert "Error: " in got.stderr


def test_the_version_is_the_packages():
    assert CliRunner().invoke(main, ["--version"]).stdout.startswith("edgeward 0.")


def test_the_help_imports_no_command():
    program = (
        "import sys; from edgeward.cli import main; main(['--help'], standalone_mode=False); "
        "print(sorted({'aiohttp', 'pydantic', 'rich', 'uvloop'} & set(sys.modules)))"
    )
    got = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert got.stdout.endswith("[]\n")
