"""The purge API does what its OpenAPI description says, to whatever that description allows to be asked."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings

from httpcache.purge import openapi
from httpcache.purge.keys import load_private_key
from httpcache.purge.tokens import OrderClaims
from tests.purge.asking import ask, signed
from tests.purge.nodes import Admin

SCHEMA = schemathesis.openapi.from_dict(openapi.document())
OPERATIONS = [result.ok() for result in SCHEMA.get_all_operations()]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A node that keeps the log, on an event loop of its own in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    admin = Admin(tmp_path_factory.mktemp("openapi") / "keeper", purge={"failures": 0})
    run(admin.start())
    run(admin.order("tag", "a", wait=0))
    yield admin
    run(admin.stop())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.mark.parametrize("operation", OPERATIONS, ids=[one.label for one in OPERATIONS])
def test_what_is_asked_is_answered_as_described(served, operation):
    key = load_private_key(served.folder / "keys" / "operator.key")

    @given(case=operation.as_strategy())
    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    def play(case):
        asked = requests.Request(**_without_waiting(case.as_transport_kwargs(base_url=served.url))).prepare()
        body = asked.body or b""
        asked.headers["Authorization"] = (
            f"Bearer {signed(key, body.encode() if isinstance(body, str) else body)}"
        )
        with requests.Session() as session:
            session.trust_env = False
            answer = session.send(asked, timeout=20)
        described = openapi.document()["paths"][operation.path][operation.method]["responses"]
        assert str(answer.status_code) in described and answer.status_code < 500
        case.operation.validate_response(answer)

    play()


def _without_waiting(asked):
    """Nobody confirms anything here: whoever waited would wait in vain."""
    if asked.get("params"):
        asked["params"] = {name: value for name, value in asked["params"].items() if name != "wait"}
    if isinstance(asked.get("json"), dict):
        asked["json"] = {name: value for name, value in asked["json"].items() if name != "wait"}
    return {name: asked[name] for name in ("method", "url", "params", "json", "headers") if name in asked}


async def test_the_description_is_served_by_every_node(admin, relay):
    for node in (admin, relay):
        assert await ask("GET", f"{node.url}/v1/openapi.json") == (
            200,
            json.loads(json.dumps(openapi.document())),
        )


def test_every_route_is_described():
    assert set(openapi.document()["paths"]) == {
        "/v1/purges", "/v1/purges/{id}", "/v1/nodes", "/v1/nodes/retire"
    }  # fmt: skip


DOCS = (Path(__file__).parents[2] / "docs" / "purge.md").read_text()


def test_every_claim_of_a_token_is_described_and_on_the_page():
    names = {field.name for field in msgspec.structs.fields(OrderClaims)}
    told = openapi.document()["components"]["securitySchemes"]["token"]["description"]
    table = DOCS.partition("| claim | needed | value |")[2].partition("\n\n")[0]
    rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
    assert set(rows) == names
    assert all(f"`{name}`" in told for name in {*names, "kid", "alg"})
    required = {field.name for field in msgspec.structs.fields(OrderClaims) if field.required}
    assert {name for name, row in rows.items() if "| yes |" in row} == required


@pytest.mark.slow
def test_the_client_on_the_page_purges(served, tmp_path):
    (program,) = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    assert "http://127.0.0.1:9081" in program
    program = program.replace("http://127.0.0.1:9081", served.url).replace('"wait": 5', '"wait": 0')
    (tmp_path / "client.py").write_text(program)
    done = subprocess.run(
        [sys.executable, tmp_path / "client.py"],
        cwd=served.folder / "keys",
        env={**os.environ, "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
    # 202: nobody follows this log, so nobody confirms.
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("202 ") and "'who': 'operator'" in done.stdout
    assert "'targets': ['news']" in done.stdout
