"""Real nodes by their commands: started, asked, killed and ended as an operator would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.scenarios.ports import free_port


class Command:
    """One `edgeward` command as a process."""

    def __init__(self, folder: Path, *arguments: str, ready: str | None = None) -> None:
        self.arguments = arguments
        self._folder = folder
        self._ready = ready
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        out = (self._folder / f"{self.arguments[0]}-{free_port()}.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "edgeward", *self.arguments],
            stdout=out,
            stderr=out,
            cwd=self._folder,
        )
        out.close()
        if self._ready:
            wait_for(self._ready, self.process)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it with a signal; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(40)

    def kill_worker(self, admin: str) -> None:
        """kill -9 of the node's first worker."""
        os.kill(read_json(f"{admin}/readyz")["workers"][0]["pid"], signal.SIGKILL)


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """Wait until `url` answers 200."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.05)
    raise AssertionError(f"{url} was not ready in {seconds} s")


def read_json(url: str) -> dict:
    """The JSON at a URL, whatever the status."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        return json.load(error)


def node(
    folder: Path, tier: str, *next_hop: str, name: str, extra: tuple[str, ...] = ()
) -> tuple[Command, str, str]:
    """A node's command, its URL, and its admin listener's."""
    port = free_port()
    url, admin = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1000}"
    arguments = (
        tier,
        "--listen",
        f"127.0.0.1:{port}",
        *next_hop,
        "--name",
        name,
        "--data",
        str(folder / name),
        *extra,
    )
    return Command(folder, *arguments, ready=f"{admin}/readyz"), url, admin
