"""A supervisor and its workers in the moments between."""

from __future__ import annotations

import asyncio
import signal
import socket

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
