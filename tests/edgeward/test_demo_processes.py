"""The demo's processes are started, waited for, and always stopped."""

from __future__ import annotations

import socket

import aiohttp
import pytest

from edgeward.addresses import free_ports
from edgeward.demo_processes import Children
from edgeward.faults import WorkFailed


@pytest.fixture
def children(tmp_path):
    children = Children(tmp_path)
    yield children
    children.stop()


def start_origin(children, port):
    url = f"http://127.0.0.1:{port}/_count"
    return children.start("origin", ["origin", "--listen", f"127.0.0.1:{port}"], url)


@pytest.mark.slow
async def test_a_process_is_ready_when_it_answers_and_gone_when_it_is_stopped(children):
    (port,) = free_ports(1)
    child = start_origin(children, port)
    async with aiohttp.ClientSession() as session:
        await children.ready(session, child)
        children.stop()
        assert child.process.poll() == 0
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(child.ready_url)


@pytest.mark.slow
async def test_a_process_that_ends_is_told_with_the_end_of_its_log(children):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        child = start_origin(children, taken.getsockname()[1])
        child.ready_url = f"http://127.0.0.1:{free_ports(1)[0]}/"
        async with aiohttp.ClientSession() as session:
            with pytest.raises(WorkFailed, match="origin ended with 2\nedgeward: --listen: cannot listen on"):
                await children.ready(session, child)
