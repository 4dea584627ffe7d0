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
from edgeward.load_client import AskError, Target
from edgeward.load_measure import LoadOrder, measure
from edgeward.load_run import Pace
from edgeward.load_synthetic import Mix, synthetic_workload
from edgeward.origin import serving


async def run(port, **pace):
    workload = synthetic_workload(Mix(objects=20, alpha=1, requests=100, seed=1, sigma=0.5))
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


async def test_in_an_open_loop_a_stall_is_in_the_latency_of_all_that_were_due_meanwhile():
    is_first = True

    async def stalling(request):
        nonlocal is_first
        if is_first and request.path != "/_count":
            is_first = False
            await asyncio.sleep(0.5)
        return web.Response(body=bytes(int(request.query.get("size", 0))))

    runner, port = await served(stalling)
    try:
        result = await run(port, rate=400.0, concurrency=1)
    finally:
        await runner.cleanup()
    # 100 requests are due within 0.25 s: each of them waited for what the first one waited for.
    assert result["run"]["errors"] == 0
    assert result["latency_ms"]["all"]["p50"] > 250
    assert result["run"]["late"] > 50


async def test_the_warm_up_is_in_no_number_of_what_is_measured():
    (port,) = free_ports(1)
    workload = synthetic_workload(Mix(objects=20, alpha=1, requests=100, seed=1, sigma=0.5, warm_up=30))
    async with serving("127.0.0.1", port) as origin:
        order = LoadOrder((parse_server(f"http://127.0.0.1:{port}"),), workload, Pace(4))
        result = await measure(order, Console(quiet=True))
        assert origin.count.requests == 100
    assert result["run"]["requests"] == result["origin"]["requests"] == 70
    assert result["latency_ms"]["all"]["count"] == 70
    assert result["workload"]["warm_up_requests"] == 30


REFUSED = [
    (["--warm-up", "5", "--requests", "5"], "nothing is left to measure"),
    (["--warm-up", "110%"], "share below 100%"),
    (["--edge-store", "64MiB,1GiB,1"], "RAM,DISK"),
    (["--edge-store", "much"], "much"),
    (["--objects", "100000000"], "not in the range 1<=x<=5000000"),
    (["--requests", "1000000000"], "not in the range 1<=x<=20000000"),
    (["--uncacheable", "0.6", "--short-lived", "0.6"], "more than all objects"),
]


@pytest.mark.parametrize(("arguments", "says"), REFUSED, ids=[" ".join(row[0]) for row in REFUSED])
def test_wrong_options_are_refused_with_what_is_wrong(arguments, says):
    got = CliRunner().invoke(main, ["load", "http://127.0.0.1:1", *arguments])
    assert (got.exit_code, says in got.stderr) == (2, True), got.stderr


async def test_where_the_budgets_are_not_known_the_report_says_why_nothing_is_compared():
    (port,) = free_ports(1)
    async with serving("127.0.0.1", port):
        arguments = [
            "load",
            f"http://127.0.0.1:{port}",
            "--requests",
            "5",
            "--edge-admin",
            f"http://127.0.0.1:{port}",
        ]
        got = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert got.exit_code == 0
    assert "not compared with other policies" in got.stdout


def test_nothing_to_connect_to_is_one_line_and_exit_code_1():
    (port,) = free_ports(1)
    got = CliRunner().invoke(main, ["load", f"http://127.0.0.1:{port}", "--requests", "1"])
    assert got.exit_code == 1
    assert got.stderr == f"edgeward: cannot connect to http://127.0.0.1:{port}: Connection refused\n"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_server_that_lets_nobody_finish_connecting_is_given_up_in_time():
    async def silent_beyond_tcp(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent_beyond_tcp, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        target = Target(parse_server(f"https://127.0.0.1:{port}"), "site.example", timeout=0.1)
        async with asyncio.timeout(5):  # a TLS handshake alone may take a minute
            with pytest.raises(AskError, match="time-out"):
                await target.ask("/")


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
