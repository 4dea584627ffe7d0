"""`edgeward explain`, asked of a server that says what a tier would say."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from click.testing import CliRunner

from edgeward.addresses import free_ports
from edgeward.cli import main


@pytest.fixture
async def explained():
    fields = {}

    async def answer(request):
        fields["asked"] = dict(request.headers)
        return web.Response(headers=fields["says"], body=b"x" * 100)

    runner = web.ServerRunner(web.Server(answer, access_log=None), shutdown_timeout=0.01)
    await runner.setup()
    (port,) = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port).start()

    async def explained(says, *arguments):
        fields["says"] = says
        command = ["explain", f"http://127.0.0.1:{port}/a%20b", *arguments]
        return await asyncio.to_thread(CliRunner().invoke, main, command), fields["asked"]

    yield explained
    await runner.cleanup()


async def test_each_tier_is_told_in_turn(explained):
    says = {
        "Cache-Status": "shield; fwd=uri-miss; fwd-status=200; stored, edge-1; hit; ttl=60",
        "Age": "3600",
    }
    got, _ = await explained(says)
    assert got.exit_code == 0
    assert got.stdout.splitlines()[1:] == [
        "It left the origin, or was last validated there, 1 hour ago.",
        "",
        "edge-1:",
        "  A hit: answered from its store; it remains fresh for 1 minute.",
        "",
        "shield, when it fetched what is stored:",
        "  A miss: nothing was stored for this URL.",
        "  The next hop was asked, and answered 200.",
        "  The answer was stored.",
    ]


async def test_fields_are_sent_as_given(explained):
    got, asked = await explained({}, "--header", "Host: www.example.com", "--header", "Accept-Encoding: br")
    assert asked["Host"] == "www.example.com"
    assert asked["Accept-Encoding"] == "br"
    assert "No Cache-Status" in got.stdout


async def test_json_has_the_fields_and_the_sentences(explained):
    got, _ = await explained({"Cache-Status": "e; hit"}, "--json")
    told = json.loads(got.stdout)
    assert (told["status"], told["fields"], told["tiers"][0]["name"]) == (
        200,
        {"Cache-Status": "e; hit"},
        "e",
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["ftp://a"], 2), (["http://127.0.0.1:1/", "--header", "x"], 2), (["http://127.0.0.1:1/"], 1)],
)
def test_faults_are_one_line(arguments, code):
    got = CliRunner().invoke(main, ["explain", *arguments])
    assert got.exit_code == code
    assert got.stderr.count("\n") == 1
