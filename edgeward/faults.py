"""How a command ends when it cannot go on: one line on standard error, and an exit code."""

from __future__ import annotations

import sys
from typing import IO, Any

import click

from httpcache.fetch.failures import reason

__all__ = ["Refused", "WorkFailed", "reason"]


class Refused(click.ClickException):
    """Wrong usage, settings, port, file or folder: nothing was started. Exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message, one line for each fault."""
        for line in self.message.splitlines():
            click.echo(f"edgeward: {line}", file=file or sys.stderr)


class WorkFailed(Refused):
    """The work was begun and failed. Exit code 1."""

    exit_code = 1
