"""A supervisor and its workers in the moments between."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys

import pytest

from httpcache.serve import supervisor
from httpcache.settings import Settings


@pytest.mark.slow
async def test_a_worker_whose_node_ends_while_it_is_started_gets_no_work_and_ends(tmp_path, monkeypatch):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        settings = Settings.model_validate({"origin": "http://127.0.0.1:1", "data": str(tmp_path)})
        worker = supervisor.WorkerProcess(0, "edge", settings, sock, tmp_path)
        start = asyncio.create_subprocess_exec

        async def start_while_the_node_ends(*arguments, **more):
            process = await start(*arguments, **more)
            sock.close()
            worker.stop()
            return process

        monkeypatch.setattr(asyncio, "create_subprocess_exec", start_while_the_node_ends)
        await asyncio.wait_for(worker.keep_running(), 20)
    assert worker.process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("module", "needless"),
    [
        ("httpcache.serve.supervisor", {"aiohttp", "cryptography", "diskcache", "nats", "prometheus_client"}),
        ("httpcache.serve.worker", {"nats", "httpcache.serve.supervisor", "httpcache.purge.api"}),
        ("httpcache.serve.control", {"matplotlib", "diskcache"}),
    ],
)
def test_a_start_waits_for_no_import_that_the_process_does_not_need(module, needless):
    needless = needless | {"click", "rich", "numpy", "edgeward"}
    program = f"import sys, {module}; print(sorted({needless!r} & set(sys.modules)))"
    got = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert got.stdout == "[]\n"
