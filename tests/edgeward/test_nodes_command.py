"""`edgeward nodes` and `edgeward keys token`, against a node that keeps the log in this process."""

from __future__ import annotations

import asyncio
import json

import pytest
from click.testing import CliRunner

from edgeward.cli import main
from tests.purge.asking import ask
from tests.purge.nodes import Admin, follower


@pytest.fixture
async def admin(tmp_path):
    made = await Admin(tmp_path / "keeper").start()
    made.keeper.ledger.register("edge-1", 2, 1_700_000_000.0)
    yield made
    await made.stop()


async def run(admin, *arguments):
    key = admin.folder / "keys" / "operator.key"
    command = ["nodes", "--to", admin.url, "--key", str(key), *arguments]
    return await asyncio.to_thread(CliRunner().invoke, main, command)


async def test_nodes_are_listed_with_workers_and_since_when_they_are_away(admin):
    got = await run(admin)
    assert got.exit_code == 0, got.stderr
    assert "edge-1/1" in got.stdout and "away since 2023-11-14" in got.stdout


async def test_the_log_is_told_in_one_line_however_narrow_the_table_is(admin):
    told = json.loads((await run(admin, "--json")).stdout)
    first = (await run(admin)).stdout.splitlines()[0]
    assert first == f"purge log: epoch {told['epoch']}, newest order {told['newest']}"


async def test_nodes_are_listed_as_json(admin):
    got = await run(admin, "--json")
    assert [node["node"] for node in json.loads(got.stdout)["nodes"]] == ["edge-1", "keeper"]


async def test_retiring_a_node_is_told_as_json_where_a_script_reads_it(admin):
    assert json.loads((await run(admin, "--json", "retire", "edge-1")).stdout) == {"retired": "edge-1"}


async def test_nodes_of_another_audience_are_asked_with_it(tmp_path):
    admin = await Admin(tmp_path / "keeper", purge={"audience": "cdn.example"}).start()
    try:
        assert (await run(admin)).exit_code == 1
        assert (await run(admin, "--audience", "cdn.example")).exit_code == 0
    finally:
        await admin.stop()


async def test_a_node_is_retired_once(admin):
    assert (await run(admin, "retire", "edge-1")).stdout == "edge-1 is retired\n"
    again = await run(admin, "retire", "edge-1")
    assert again.exit_code == 1 and "No node of that name" in again.stderr


async def test_a_node_that_follows_is_retired_by_force_alone(admin, tmp_path):
    one = follower(admin, tmp_path / "e", "edge-2")
    await one.start()
    refused = await run(admin, "retire", "edge-2")
    assert refused.exit_code == 1 and "follows the log" in refused.stderr
    assert "say --force" in refused.stderr
    assert (await run(admin, "retire", "edge-2", "--force")).stdout == "edge-2 is retired\n"
    await one.close()


async def test_a_listener_that_does_not_answer_is_told_in_a_line(admin):
    await admin.stop()
    got = await run(admin)
    await admin.start()
    assert got.exit_code == 1 and got.stderr == f"edgeward: cannot reach {admin.url}: Connection refused\n"


BROKEN = [
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "the answer broke off"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel", "the answer broke off"),
    (b"SSH-2.0-OpenSSH\r\n\r\n", "what answers there does not speak HTTP"),
    (b"", "the connection was closed before an answer came"),
]


@pytest.mark.parametrize(("answer", "says"), BROKEN, ids=[str(row[0]) for row in BROKEN])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_what_is_wrong_with_a_listener_is_told_in_our_words(admin, answer, says, scheme):
    async def answers(reader, writer):
        await reader.read(1)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(answers, "127.0.0.1", 0)
    url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    key = admin.folder / "keys" / "operator.key"
    got = await asyncio.to_thread(CliRunner().invoke, main, ["nodes", "--to", url, "--key", str(key)])
    server.close()
    assert got.exit_code == 1
    assert got.stderr.startswith(f"edgeward: cannot reach {url}: {says if scheme == 'http' else ''}")
    assert not any(word in got.stderr for word in ("Error", "ssl:", "[", "Operation not permitted"))


async def test_a_printed_token_is_good_for_one_purge_request(admin):
    key = admin.folder / "keys" / "operator.key"
    command = ["keys", "token", str(key), "http://www.example.com/a", "--soft"]
    token = (await asyncio.to_thread(CliRunner().invoke, main, command)).stdout.strip()
    fields = {"Host": "www.example.com", "Edgeward-Purge": "soft"}
    assert (await ask("PURGE", f"{admin.url}/a", token, **fields))[0] == 202
    assert (await ask("PURGE", f"{admin.url}/a", token, **fields))[1]["error"] == "token-replayed"
