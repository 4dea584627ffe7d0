"""The load script against the sample origin, over real sockets."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from click.testing import CliRunner
from rich.console import Console

from edgeward.addresses import free_ports, parse_server
from edgeward.cli import main
from edgeward.load import LoadOrder, measure
from edgeward.load_run import Pace
from edgeward.load_workload import zipf_workload
from edgeward.origin import serving


async def run(port, **pace):
    workload = zipf_workload(objects=20, alpha=1, requests=100, seed=1, sigma=0.5)
    order = LoadOrder(
        (parse_server(f"http://127.0.0.1:{port}"),), workload, Pace(**{"concurrency": 4} | pace)
    )
    return await measure(order, Console(quiet=True))


@pytest.mark.parametrize("pace", [{}, {"rate": 2000.0}], ids=["closed loop", "open loop"])
async def test_every_request_is_sent_and_the_origin_counts_the_same(pace):
    (port,) = free_ports(1)
    async with serving("127.0.0.1", port):
        result = await run(port, **pace)
    assert result["run"]["errors"] == 0
    assert result["run"]["requests"] == result["origin"]["requests"] == 100
    assert result["origin"]["bytes"] == result["workload"]["requested_bytes"]
    assert result["run"]["without_cache_status"] == 100


async def served(answer):
    """A server that answers all requests with `answer`; its runner and port."""
    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.01)
    await runner.setup()
    (port,) = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner, port


async def short(_):
    return web.Response(body=b"x")


async def failing(_):
    return web.Response(status=503)


async def breaking_off(request):
    request.transport.abort()
    return web.Response()


async def silent(_):
    await asyncio.Event().wait()


ERRORS = [(short, "wrong length"), (failing, "status 503"), (breaking_off, "cut off"), (silent, "time-out")]


@pytest.mark.parametrize(("answer", "reason"), ERRORS, ids=[row[1] for row in ERRORS])
async def test_what_is_not_a_whole_good_answer_is_an_error(answer, reason):
    async def count_or_answer(request):
        return web.Response(status=404) if request.path == "/_count" else await answer(request)

    runner, port = await served(count_or_answer)
    try:
        result = await run(port, timeout=0.01 if answer is silent else 10, concurrency=100)
    finally:
        await runner.cleanup()
    assert result["run"]["errors_by_reason"] == {reason: 100}


def test_nothing_to_connect_to_is_one_line_and_exit_code_1():
    (port,) = free_ports(1)
    got = CliRunner().invoke(main, ["load", f"http://127.0.0.1:{port}", "--requests", "1"])
    assert got.exit_code == 1
    assert got.stderr == f"edgeward: cannot connect to http://127.0.0.1:{port}: Connection refused\n"


def test_a_missing_trace_is_one_line_and_exit_code_2(tmp_path):
    got = CliRunner().invoke(main, ["load", "http://127.0.0.1:1", "--trace", str(tmp_path / "none")])
    assert got.exit_code == 2
    assert got.stderr.endswith("none: No such file or directory\n")


async def test_the_json_report_is_one_value_on_standard_output():
    (port,) = free_ports(1)
    async with serving("127.0.0.1", port):
        arguments = ["load", f"http://127.0.0.1:{port}", "--requests", "5", "--json", "-"]
        got = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert got.exit_code == 0
    assert json.loads(got.stdout)["run"]["requests"] == 5
