"""A NATS server with JetStream of a test's own: on a free port, with its data in the test's folder."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from httpcache.purge.bus import is_there

PATHS = ("nats-server", "/usr/sbin/nats-server", "/usr/local/bin/nats-server")


def missing() -> str:
    """What is not installed, as a test says that it was skipped; empty when all is there."""
    if not any(map(shutil.which, PATHS)):
        return "nats-server is not installed (apt-get install nats-server)"
    return "" if is_there() else "nats-py is not installed (pip install 'edgeward[nats]')"


needs_nats = pytest.mark.skipif(bool(missing()), reason=missing())


class NatsServer:
    """One server; it keeps its port and its data over restarts."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> NatsServer:
        """Start it and wait until it takes connections."""
        program = next(filter(None, map(shutil.which, PATHS)))
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as out:
            self._process = subprocess.Popen(
                [program, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.folder / "data")],
                stdout=out,
                stderr=out,
            )
        deadline = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    if connection.recv(4) == b"INFO":
                        return self
            except OSError:
                assert time.monotonic() < deadline, "nats-server does not start"
                time.sleep(0.02)

    def kill(self) -> None:
        """End it at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def wipe(self) -> None:
        """Lose all that it has."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)
