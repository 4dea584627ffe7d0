"""The `edgeward` command: help with examples, exit codes, and quick to start."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from edgeward.cli import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(name):
    got = CliRunner().invoke(main, [name, "--help"])
    assert got.exit_code == 0, got.stderr
    assert "Examples:" in got.stdout
    assert f"edgeward {name}" in got.stdout


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
