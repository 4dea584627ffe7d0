"""The processes of the demo: started by their own commands, waited for, and always stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import aiohttp

from edgeward.faults import WorkFailed

START_LIMIT = 60.0
"""Longest wait for a process to be ready, in seconds."""

STOP_LIMIT = 10.0
"""Longest wait for a process to end by itself, in seconds."""


@dataclass(slots=True)
class Child:
    """One process, its log, and the URL that answers 200 when it is ready."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    ready_url: str


class Children:
    """Starts processes, and stops all of them in the end, the last first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.running: list[Child] = []

    def start(self, name: str, arguments: Sequence[str], ready_url: str) -> Child:
        """Start `edgeward ARGUMENTS`. In a session of its own: a Ctrl-C is the demo's to handle."""
        log = self._folder / f"{name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "edgeward", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        child = Child(name, process, log, ready_url)
        self.running.append(child)
        return child

    async def ready(self, session: aiohttp.ClientSession, child: Child) -> None:
        """Wait until a process is ready. Raises WorkFailed with the end of its log when it is not."""
        deadline = monotonic() + START_LIMIT
        while child.process.poll() is None and monotonic() < deadline:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(child.ready_url, timeout=aiohttp.ClientTimeout(total=2)) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)
        ended = child.process.poll()
        what = f"is not ready after {START_LIMIT:g} s" if ended is None else f"ended with {ended}"
        raise WorkFailed(f"{child.name} {what}\n{_end_of(child.log)}".rstrip())

    def stop(self) -> None:
        """End every process and those that it has started: asked first, then without asking."""
        for child in reversed(self.running):
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        deadline = monotonic() + STOP_LIMIT
        for child in reversed(self.running):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.1, deadline - monotonic()))
            # The group outlives its leader only when a worker did not end: nothing else is in it.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
        self.running.clear()


def _end_of(log: Path) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-8:])
    return ""
