"""`edgeward purge` and `edgeward keys`: one kind of target, a receipt edge by edge, exit codes."""

from __future__ import annotations

import json
import stat

import pytest
from click.testing import CliRunner

from edgeward import purge as purge_command
from edgeward.cli import main
from httpcache.purge.client import OrderRefused


@pytest.fixture
def key(tmp_path):
    got = CliRunner().invoke(main, ["keys", "new", str(tmp_path / "keys")])
    assert got.exit_code == 0, got.stderr
    return tmp_path / "keys" / "operator.key"


def purge(key, *arguments):
    return CliRunner().invoke(main, ["purge", "--to", "http://127.0.0.1:9081", "--key", str(key), *arguments])


def test_new_keys_are_for_their_owner_only(key):
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert json.loads((key.parent / "operators.jwks").read_text())["keys"][0]["kty"] == "OKP"


def test_keys_that_are_there_are_not_overwritten(key):
    before = key.read_bytes()
    got = CliRunner().invoke(main, ["keys", "new", str(key.parent)])
    assert (got.exit_code, got.stderr.count("\n"), key.read_bytes()) == (2, 1, before)


def test_the_public_half_of_a_key_is_shown_and_nothing_of_the_private_one(key):
    got = CliRunner().invoke(main, ["keys", "show", str(key)])
    assert got.exit_code == 0
    assert json.loads(got.stdout)["keys"] == json.loads((key.parent / "operators.jwks").read_text())["keys"]
    assert '"d"' not in got.stdout


@pytest.mark.parametrize(
    "arguments",
    [[], ["--everything", "--tag", "a"]],
    ids=["no target", "everything and more"],
)
def test_an_order_names_something_or_everything(key, arguments):
    got = purge(key, *arguments)
    assert got.exit_code == 2
    assert "give at least one of" in got.stderr


ORDERS = [
    (
        ["--url", "http://a/b", "--url", "http://a/c"],
        {"kind": "url", "targets": ["http://a/b", "http://a/c"]},
    ),
    (["--prefix", "http://a/"], {"kind": "prefix", "targets": ["http://a/"]}),
    (["--tag", "t"], {"kind": "tag", "targets": ["t"]}),
    (["--host", "a"], {"kind": "host", "targets": ["a"]}),
    (["--everything"], {"kind": "everything", "targets": []}),
    (["--tag", "t", "--soft"], {"kind": "tag", "targets": ["t"], "soft": True}),
]

BATCH = {
    "orders": [
        {"kind": "tag", "targets": ["t", "u"], "soft": True},
        {"kind": "url", "targets": ["http://a/b"], "soft": True},
    ]
}


@pytest.fixture
def keeper(monkeypatch):
    """Stands where the keeper of the log is: takes the orders, gives the receipt it is told to."""
    sent = {"receipt": {"id": "1.7", "confirmed": True}}

    async def send_order(url, private, order, *, wait, audience):
        sent.update(url=url, order=order, wait=wait, audience=audience)
        if isinstance(sent["receipt"], Exception):
            raise sent["receipt"]
        return sent["receipt"]

    monkeypatch.setattr(purge_command, "send_order", send_order)
    return sent


@pytest.mark.parametrize(("arguments", "order"), ORDERS, ids=[" ".join(row[0]) for row in ORDERS])
def test_the_flags_make_the_order(key, keeper, arguments, order):
    got = purge(key, *arguments, "--wait", "3", "--audience", "cdn", "--json")
    assert got.exit_code == 0, got.stderr
    assert keeper["audience"] == "cdn"
    assert keeper["order"] == {"soft": False} | order
    assert (keeper["url"], keeper["wait"]) == ("http://127.0.0.1:9081", 3.0)
    assert json.loads(got.stdout) == keeper["receipt"]


def test_targets_of_several_kinds_make_a_batch(key, keeper):
    got = purge(key, "--tag", "t", "--url", "http://a/b", "--tag", "u", "--soft")
    assert got.exit_code == 0, got.stderr
    assert keeper["order"] == BATCH


COUNT = {
    "dry": True,
    "complete": True,
    "matched": 14,
    "nodes": [
        {"node": "edge-1", "state": "counted", "matched": 12, "exact": False},
        {"node": "shield", "state": "counted", "matched": 2, "exact": True},
    ],
}


def test_a_dry_run_tells_what_each_node_has(key, keeper):
    keeper["receipt"] = COUNT
    got = purge(key, "--tag", "t", "--dry-run")
    assert got.exit_code == 0, got.stderr
    assert keeper["order"] == {"kind": "tag", "targets": ["t"], "soft": False, "dry": True}
    lines = [line.split() for line in got.stdout.splitlines()]
    assert ["edge-1", "about", "12"] in lines and ["shield", "2"] in lines
    assert json.loads(purge(key, "--tag", "t", "--dry-run", "--json").stdout) == COUNT


def test_a_dry_run_that_not_every_edge_has_answered_is_exit_code_1(key, keeper):
    away = {"node": "edge-2", "state": "away", "matched": 0, "exact": False}
    keeper["receipt"] = {**COUNT, "complete": False, "nodes": [*COUNT["nodes"], away]}
    got = purge(key, "--tag", "t", "--dry-run")
    assert got.exit_code == 1
    assert "not counted by every edge" in got.stderr and ["edge-2", "?", "(away)"] in [
        line.split() for line in got.stdout.splitlines()
    ]


FAILURES = [
    ({"confirmed": False}, "not confirmed by every edge"),
    (OrderRefused(401, "token-expired", "The token has expired."), "refused: The token has expired."),
    (
        ConnectionRefusedError(111, "Connection refused"),
        "cannot reach http://127.0.0.1:9081: Connection refused",
    ),
]


@pytest.mark.parametrize(("receipt", "says"), FAILURES, ids=[row[1] for row in FAILURES])
def test_an_order_that_is_not_confirmed_is_exit_code_1(key, keeper, receipt, says):
    keeper["receipt"] = receipt
    got = purge(key, "--tag", "a")
    assert got.exit_code == 1
    assert says in got.stderr
    assert got.stderr.count("\n") == 1


def test_a_key_that_is_none_is_one_line_and_exit_code_2(tmp_path):
    (tmp_path / "none").write_text("x")
    for name in ("none", "missing"):
        got = purge(tmp_path / name, "--everything")
        assert (got.exit_code, got.stderr.count("\n")) == (2, 1)


RECEIPT = {
    "id": "1.7",
    "at": 1000.0,
    "confirmed": False,
    "nodes": [
        {"node": "shield", "state": "confirmed", "applied_at": 1000.004, "workers": [{"worker": "shield/0"}]},
        {
            "node": "edge-1",
            "state": "waiting",
            "workers": [
                {"worker": "edge-1/0", "state": "confirmed", "applied_at": 1000.25},
                {"worker": "edge-1/1", "state": "waiting"},
            ],
        },
        {"node": "edge-2", "state": "away", "since": 0.0, "workers": [{"worker": "edge-2/0"}]},
    ],
}


def test_the_receipt_is_told_edge_by_edge(key, keeper):
    keeper["receipt"] = RECEIPT
    got = purge(key, "--tag", "a")
    assert [line.split() for line in got.stdout.splitlines()] == [
        ["order", "1.7:", "not", "confirmed", "by", "every", "edge"],
        ["node", "state", "applied", "after"],
        ["shield", "confirmed", "4", "ms"],
        ["edge-1", "waiting", "–"],
        ["edge-1/0", "confirmed", "250", "ms"],
        ["edge-1/1", "waiting", "–"],
        ["edge-2", "away", "since", "1970-01-01", "00:00:00", "UTC", "–"],
    ]
