"""The whole as an operator sees it: real processes, curl, restarts, kill -9, a purge with its receipt."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.scenarios.ports import free_port
from tests.scenarios.processes import Command, node, read_json

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: apt-get install curl"),
]


def curl(url: str, *arguments: str) -> tuple[str, bytes]:
    """The head and the body that curl gets."""
    done = subprocess.run(
        ["curl", "-s", "-S", "--max-time", "20", "-D", "-", *arguments, url], capture_output=True, check=True
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    return head.decode(), body


def nearest(head: str) -> str:
    """The Cache-Status member of the tier nearest the client."""
    lines = [line for line in head.splitlines() if line.lower().startswith("cache-status:")]
    return lines[-1].rpartition(", ")[2] if lines else ""


@pytest.fixture
def cdn(tmp_path):
    """A sample origin, a shield and two edges, by their commands."""
    port = free_port()
    origin = Command(
        tmp_path, "origin", "--listen", f"127.0.0.1:{port}", ready=f"http://127.0.0.1:{port}/_count"
    )
    shield, shield_url, shield_admin = node(
        tmp_path, "shield", "--origin", f"http://127.0.0.1:{port}", name="shield"
    )
    one, one_url, one_admin = node(
        tmp_path, "edge", "--shield", shield_url, name="edge-1", extra=("--workers", "2")
    )
    two, two_url, two_admin = node(tmp_path, "edge", "--shield", shield_url, name="edge-2")
    commands = [origin, shield, one, two]
    try:
        for command in commands:
            command.start()
        yield {
            "origin": f"http://127.0.0.1:{port}",
            "folder": tmp_path,
            "shield": (shield, shield_url, shield_admin),
            "edges": [(one, one_url, one_admin), (two, two_url, two_admin)],
        }
    finally:
        for command in reversed(commands):
            if command.process is not None and command.process.poll() is None:
                command.stop(signal.SIGKILL)


def test_fetch_restart_kill_and_purge(cdn):
    target, asked = "/objects/one?size=5000&ttl=600&tag=news", ("-H", "Host: site.example")
    edges, (shield, _, shield_admin) = cdn["edges"], cdn["shield"]
    bodies = {curl(url + target, *asked)[1] for _, url, _ in edges for _ in range(2)}
    assert len(bodies) == 1
    assert len(bodies.pop()) == 5000
    assert objects_asked(cdn) == 1

    # A restart serves what was stored; so does a worker that was killed.
    for command in (shield, edges[0][0]):
        assert command.stop() == 0
        command.start()
    edges[1][0].kill_worker(edges[1][2])
    for _, url, _ in edges:
        assert ";hit" in nearest(curl(url + target, *asked)[0])
    assert objects_asked(cdn) == 1

    # A purge comes back with a receipt that names every edge, and the next request is a miss.
    wait_ready(*(admin for _, _, admin in edges))
    receipt = purge(cdn, shield_admin, "--tag", "news")
    assert receipt["confirmed"]
    assert {"edge-1", "edge-2", "shield"} <= {row["node"] for row in receipt["nodes"]}
    for _, url, _ in edges:
        assert ";hit" not in nearest(curl(url + target, *asked)[0])
        assert ";hit" in nearest(curl(url + target, *asked)[0])
    assert objects_asked(cdn) == 2

    # kill -9 of everything; what was purged stays gone, what was stored after it is still there.
    for command in (shield, edges[0][0], edges[1][0]):
        command.stop(signal.SIGKILL)
    for command in (shield, edges[0][0], edges[1][0]):
        command.start()
    for _, url, _ in edges:
        assert len(curl(url + target, *asked)[1]) == 5000
    assert objects_asked(cdn) <= 3

    # Metrics are summed over workers, and every node ends with 0.
    for command, _, admin in edges:
        text = subprocess.run(
            ["curl", "-s", f"{admin}/metrics"], capture_output=True, check=True
        ).stdout.decode()
        assert "edgeward_requests_total" in text
        assert command.stop(signal.SIGINT) == 0


def test_a_data_folder_that_vanishes_is_made_anew_and_nodes_know_each_other_as_before(cdn):
    target, asked = "/objects/one?size=50000&ttl=600&tag=news", ("-H", "Host: site.example")
    (_, _, shield_admin), (_, url, admin) = cdn["shield"], cdn["edges"][0]
    curl(url + target, *asked)
    for name, own_admin in (("edge-1", admin), ("shield", shield_admin)):
        before = {worker["pid"] for worker in read_json(f"{own_admin}/readyz")["workers"]}
        remember_keys(cdn, name)
        shutil.rmtree(cdn["folder"] / name, ignore_errors=True)  # the node may write to it meanwhile
        assert curl(f"{own_admin}/metrics")[0].split()[1] in ("200", "503")
        wait_for_others(own_admin, before)
        wait_ready(own_admin)
        assert "edgeward_store_bytes" in curl(f"{own_admin}/metrics")[1].decode()
        assert (cdn["folder"] / name / "store" / "cache.db").exists()
    wait_ready(admin, shield_admin)
    other = "/objects/two?size=50000&ttl=600&tag=news"
    bodies = {curl(url + other, *asked)[1] for _ in range(3)}
    assert len(bodies) == 1
    assert ";hit" in nearest(curl(url + other, *asked)[0])
    assert purge(cdn, shield_admin, "--tag", "news")["confirmed"]
    assert ";hit" not in nearest(curl(url + other, *asked)[0])


def remember_keys(cdn, name: str) -> None:
    """Wait until the supervisor has looked at the folder of a node since the last change to its keys."""
    admin = cdn["shield"][2] if name == "shield" else cdn["edges"][0][2]
    looks, deadline = read_json(f"{admin}/readyz")["folder_looks"], time.monotonic() + 30
    while read_json(f"{admin}/readyz")["folder_looks"] < looks + 2:  # one may have begun before
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_for_others(admin: str, pids: set[int]) -> None:
    """Wait until other workers than those have taken over."""
    for _ in range(400):
        workers = read_json(f"{admin}/readyz")["workers"]
        if all(worker["ready"] and worker["pid"] not in pids for worker in workers):
            return
        time.sleep(0.05)
    raise AssertionError(f"{admin}: {workers}")


def wait_ready(*admins: str) -> None:
    """Wait until the nodes' workers all follow the purge log."""
    deadline = time.monotonic() + 20
    while not all(read_json(f"{admin}/readyz").get("ready") for admin in admins):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def purge(cdn, admin: str, *what: str) -> dict:
    """The receipt of a purge by its command."""
    key = cdn["folder"] / "shield" / "keys" / "operator.key"
    command = [
        sys.executable,
        "-P",
        "-m",
        "edgeward",
        "purge",
        "--to",
        admin,
        "--key",
        str(key),
        *what,
        "--wait",
        "10",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def objects_asked(cdn) -> int:
    """GET requests for objects that the origin has had."""
    return sum(
        row
        for path, row in read_json(f"{cdn['origin']}/_count")["by_path"].items()
        if path.startswith("/objects/")
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["edge", "--listen", "127.0.0.1:{port}", "--origin", "http://127.0.0.1:1"], "listen"),
        (["edge", "--listen", "nonsense", "--origin", "http://127.0.0.1:1"], "listen"),
        (["edge", "--listen", "127.0.0.1:0"], "origin"),
        (
            ["shield", "--listen", "127.0.0.1:{free}", "--origin", "http://a", "--data", "/proc/nowhere"],
            "data",
        ),
        (["shield", "--listen", "127.0.0.1:{free}", "--origin", "http://a", "--ram", "12 pears"], "ram"),
    ],
    ids=["port in use", "no address", "no next hop", "unwritable folder", "wrong size"],
)
def test_what_is_wrong_is_one_clear_line_and_exit_code_2(tmp_path, arguments, words):

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        filled = [one.format(port=taken.getsockname()[1], free=free_port()) for one in arguments]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "edgeward", *filled],
            capture_output=True,
            cwd=tmp_path,
            timeout=30,
            check=False,
        )
    assert done.returncode == 2
    lines = done.stderr.decode().strip().splitlines()
    assert words in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert len(lines) <= 4
    assert not list(tmp_path.iterdir())  # a start in vain leaves nothing behind


def test_a_port_of_the_admin_listener_in_use_leaves_no_data_folder_behind(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        admin = f"127.0.0.1:{taken.getsockname()[1]}"
        listen = f"127.0.0.1:{free_port()}"
        command = ["edge", "--listen", listen, "--admin", admin, "--origin", "http://127.0.0.1:1"]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "edgeward", *command],
            capture_output=True,
            cwd=tmp_path,
            timeout=30,
            check=False,
        )
    assert done.returncode == 2 and f"admin: cannot listen on {admin}" in done.stderr.decode()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_that_is_told_to_stop_says_when_it_begins_and_when_it_has(tmp_path, number):
    command, _, _ = node(tmp_path, "edge", "--origin", "http://127.0.0.1:1", name="edge-1")
    command.start()
    assert command.stop(number) == 0
    (log,) = tmp_path.glob("edge-*.log")
    lines = [line.split(" INFO ")[-1] for line in log.read_text().splitlines()]
    assert lines[-2:] == ["edge-1 is stopping: what is under way has 30 s", "edge-1 has stopped"]
