"""Settings from files and flags: every fault named by key and line."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from edgeward.cli import main
from edgeward.node import node_settings
from edgeward.settings_file import Flag, SettingsError, parse_settings
from edgeward.settings_lines import key_lines
from httpcache.rules.cache_key import policy_for
from httpcache.settings import Settings

FAULTS = [
    ("an unknown key and its neighbour", "listne = '1:1'\norigin='http://a'", [("listne", 1, "did you mean listen?")]),
    ("an unknown key in a table", "origin='http://a'\n[store]\nrom = 1", [("store.rom", 3, "did you mean ram?")]),
    ("an unknown key like none", "origin='http://a'\n[observe]\nzzz = 1", [("observe.zzz", 3, "there are access_log")]),
    ("an unknown table", "origin='http://a'\n\n[stroe]\nram = 1", [("stroe", 3, "did you mean store?")]),
    ("a size that is none", "origin='http://a'\n[store]\n# x\nram = '12 parrots'", [("store.ram", 4, "as in 12MiB")]),
    ("a dotted key", "origin='http://a'\nstore.ram = '-1'", [("store.ram", 2, "is not a size")]),
    ("an inline table", "origin='http://a'\nstore = { ram = 'x' }", [("store.ram", 2, "is not a size")]),
    ("a negative number", "origin='http://a'\n[fetch]\nkeepalive = -1", [("fetch.keepalive", 3, "greater than")]),
    ("a wrong choice", "origin='http://a'\ncoding.codings=['x']", [("coding.codings[0]", 2, "should be 'br'")]),
    ("an address without port", "origin='http://a'\nlisten = 'localhost'", [("listen", 2, "HOST:PORT")]),
    ("an address that is a number", "origin='http://a'\nlisten = 80", [("listen", 2, "valid string")]),
    ("a port that is none", "origin='http://a'\nadmin = '[::1]:70000'", [("admin", 2, "HOST:PORT")]),
    ("an origin with a path", "origin = 'http://a/b'", [("origin", 1, "http://HOST[:PORT]")]),
    ("an origin that is a number", "origin = 5", [("origin", 1, "valid string")]),
    (
        "an origin by host",
        "[origins]\n'a.example' = 'http://a'\n\"b.example\" = 'b'",
        [('origins."b.example"', 3, "is not the URL")],
    ),
    ("a shield in a list", "shields = [\n  'http://a',\n  'b',\n]", [("shields[1]", 1, "is not the URL")]),
    (
        "the second of two sites",
        "origin='http://a'\n[[sites]]\nhost='a'\n[[sites]]\nhost='b'\nquery='no'",
        [("sites[1].query", 6, "should be 'keep' or 'ignore'")],
    ),
    ("a site's unknown key", "origin='http://a'\n[[sites]]\nhots='a'", [("sites[0].hots", 3, "did you mean host?")]),
    ("no status", "origin='http://a'\n[[sites]]\nstatus_ttl.x=1", [("sites[0].status_ttl.x", 3, "integer")]),
    ("no network", "origin='http://a'\nserve.trusted_proxies=['x']", [("serve.trusted_proxies[0]", 2, "10.0.0.0/8")]),
    ("a name that cannot stand in a field", "origin='http://a'\nname = 'a b'", [("name", 2, "pattern")]),
    ("a table that is a value", "origin='http://a'\nstore = 5", [("store", 2, "dictionary")]),
    ("no next hop", "listen = '127.0.0.1:80'", [("origin", 1, "no next hop: give `shields`, `origin` or `origins`")]),
    ("no next hop in an empty file", "", [("origin", 1, "no next hop")]),
    ("no next hop as its key is misspelt", "orign = 'http://a'", [("orign", 1, "did you mean origin?")]),
    ("no next hop of a shield", "tier = 'shield'", [("origin", 1, "no next hop: give `origin` or `origins`")]),
    (
        "a shield behind shields",
        "origin = 'http://a'\ntier = 'shield'\nshields = ['http://b']",
        [("shields", 3, "is for edges")],
    ),
    (
        "no origin beside shields",
        "shields = ['http://a']\norigin_without_shield = true",
        [("origin_without_shield", 2, "needs `origin`")],
    ),
    (
        "a heartbeat longer than the limit",
        "origin='http://a'\n[purge]\n\nheartbeat = 40",
        [("purge.heartbeat", 4, "must be shorter than `purge.lag_limit`, which is 30 s")],
    ),
    (
        "a limit shorter than the heartbeat",
        "origin='http://a'\n[purge]\nlag_limit = 1",
        [("purge.lag_limit", 3, "must be longer than `purge.heartbeat`, which is 2 s")],
    ),
    ("a bus without keys", "origin='http://a'\n[purge]\nbus='nats://b:4222'", [("purge.bus", 3, "needs `purge.keys`")]),
    ("a bus that forgets tokens", "origin='http://a'\n[purge]\nbus='nats://b:4222'\nkeys='k'\nlog_age=60",
     [("purge.log_age", 5, "must be 900 s or more")]),
    (
        "a bus beside a keeper",
        "origin='http://a'\n[purge]\nlog_at='http://c'\nkeys='k'\nbus='nats://b:4222'",
        [("purge.log_at", 3, "names a node")],
    ),
    (
        "sizes between which nothing lies",
        "origin='http://a'\n[coding]\nsmallest='2KiB'\nlargest='1KiB'",
        [("coding.smallest", 3, "must not be more than `coding.largest`, which is 1024")],
    ),
    (
        "a largest size below the least, which is the default",
        "origin='http://a'\n[coding]\nlargest=10",
        [("coding.largest", 3, "must not be less than `coding.smallest`, which is 1024")],
    ),
    (
        "lifetimes between which nothing lies",
        "origin='http://a'\n[[sites]]\nmax_ttl=1\nmin_ttl=2",
        [("sites[0].min_ttl", 4, "must not be more than `max_ttl`")],
    ),
    (
        "a query that is ignored, and its parameters",
        "origin='http://a'\n[[sites]]\nquery='ignore'\nquery_only=['a']\nquery_sorted=true",
        [("sites[0].query_only", 4, "has no effect"), ("sites[0].query_sorted", 5, "has no effect")],
    ),
    (
        "what each is wrong by itself, and what does not go together",
        "listen='x'\norigin='http://a'\n[purge]\nheartbeat=40\n[fetch]\nfields=1\n[[sites]]\nmin_ttl=2\nmax_ttl=1\nhost=5",
        [
            ("listen", 1, "HOST:PORT"),
            ("purge.heartbeat", 4, "shorter"),
            ("fetch.fields", 6, "greater"),
            ("sites[0].min_ttl", 8, "more"),
            ("sites[0].host", 10, "string"),
        ],
    ),
    (
        "nothing is said of a pair of which one is wrong",
        "origin='http://a'\n[purge]\nheartbeat=40\nlag_limit='x'",
        [("purge.lag_limit", 4, "number")],
    ),
    ("nor of a next hop that is wrong", "shields = ['x', 'y']", [("shields[0]", 1, "URL"), ("shields[1]", 1, "URL")]),
    ("not TOML", "origin = 'http://a'\nlisten 5", [("", 2, "is not TOML: expected '='")]),
    ("cut off", "origin = 'http://a'\n[store", [("", 2, "is not TOML")]),
    ("several at once", "x = 1\norigin='y'\n[store]\nram='z'", [("x", 1, ""), ("origin", 2, ""), ("store.ram", 4, "")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_faults_are_named_by_key_and_line(text, expected):
    with pytest.raises(SettingsError) as caught:
        parse_settings(text)
    assert [(fault.key, fault.line) for fault in caught.value.faults] == [row[:2] for row in expected]
    for fault, (_, _, says) in zip(caught.value.faults, expected, strict=True):
        assert says in fault.message
        assert "\n" not in fault.message


NO_HOSTS = [
    "http://www.example.com/",
    "www.example.com/",
    "a b",
    "",
    "*.",
    "a.*",
    "*a.example",
    "é.example",
    "a:x",
]
NO_PREFIXES = ["static/", "", "http://a/b", "/a b", "/a?b", "/a#b", "/a/../b/", "/%2e/", "/\\u0007"]


@pytest.mark.parametrize("host", NO_HOSTS)
def test_a_policy_for_what_is_no_host_is_a_fault(host):
    with pytest.raises(SettingsError) as caught:
        parse_settings(f'origin="http://a"\n[[sites]]\n\nhost="{host}"')
    assert [(fault.key, fault.line) for fault in caught.value.faults] == [("sites[0].host", 4)]
    assert "is not a host" in caught.value.faults[0].message


@pytest.mark.parametrize("host", ["*", "a.example", "*.a.example", "A.example.", "a:8080", "[::1]:80", "x_y"])
@pytest.mark.parametrize("prefix", ["/", "/a", "/.well-known", "/%7Ea/", "/é/", "/a/."])
def test_every_policy_that_is_good_fits_a_request(host, prefix):
    asked = host.replace("*", "x").lower().removesuffix(".")
    site = parse_settings(
        f'origin="http://a"\n[[sites]]\nbypass=true\nhost="{host}"\nprefix="{prefix}"'
    ).sites
    assert policy_for(site, asked, f"{prefix}x").bypass


@pytest.mark.parametrize("prefix", NO_PREFIXES)
def test_a_policy_for_what_no_path_begins_with_is_a_fault(prefix):
    with pytest.raises(SettingsError) as caught:
        parse_settings(f'origin="http://a"\n[[sites]]\n\nprefix="{prefix}"')
    assert [(fault.key, fault.line) for fault in caught.value.faults] == [("sites[0].prefix", 4)]


def test_an_origin_by_what_is_no_host_is_a_fault():
    with pytest.raises(SettingsError) as caught:
        parse_settings("[origins]\n'http://a/' = 'http://a'")
    assert [(fault.key, fault.line) for fault in caught.value.faults] == [('origins."http://a/"', 2)]


LINES = """\
# listen = "no"
listen = "x"   # [not.a.table]
types = [
  "a = 1",
]
note = '''
[store]
ram = 1
'''
[store]
ram = 1
"quoted key".inner = 2
[[sites]]
host = "a"
[sites.status_ttl]
404 = 1
[[sites]]
host = "b"
"""


def test_keys_are_found_where_they_stand_and_nowhere_else():
    assert key_lines(LINES) == {
        ("listen",): 2,
        ("types",): 3,
        ("note",): 6,
        ("store",): 10,
        ("store", "ram"): 11,
        ("store", "quoted key"): 12,
        ("store", "quoted key", "inner"): 12,
        ("sites", 0): 13,
        ("sites", 0, "host"): 14,
        ("sites", "status_ttl"): 15,
        ("sites", "status_ttl", "404"): 16,
        ("sites", 1): 17,
        ("sites", 1, "host"): 18,
    }


@given(st.text(alphabet="[]='\"\n.#ab \t1{}", max_size=40))
def test_no_text_breaks_the_check(text):
    try:
        parse_settings(text)
    except SettingsError as error:
        assert error.faults


def test_flags_win_over_the_file_and_their_faults_are_named_by_flag():
    text = "origin = 'http://a'\n[store]\nram = '1MiB'"
    assert parse_settings(text, (Flag("--ram", ("store", "ram"), "2MiB"),)).store.ram == 2**21
    with pytest.raises(SettingsError) as caught:
        parse_settings(text, (Flag("--ram", ("store", "ram"), "two"),))
    assert [(fault.key, fault.line) for fault in caught.value.faults] == [("--ram", None)]


def test_the_origin_flag_of_an_edge_names_the_next_hop_whatever_the_file_says(tmp_path):
    file = tmp_path / "edge.toml"
    file.write_text("shields = ['http://s']\nlisten = '127.0.0.1:81'")
    settings = node_settings(
        "edge", file, {"origin": "http://o", "shields": (), "ram": None}, {"listen": "h:1"}
    )
    assert (settings.shields, settings.origin, settings.listen) == ((), "http://o", "127.0.0.1:81")


COMMANDS = [
    (["edge"], "edgeward: no next hop: give --shield or --origin\n"),
    (["shield"], "edgeward: no next hop: give --origin\n"),
    (["edge", "--shield", "x"], "edgeward: --shield[0]: is not the URL"),
    (["edge", "--listen", "x", "--origin", "http://a"], "edgeward: --listen: is not an address"),
    (["shield", "--origin", "http://a", "--disk", "much"], "edgeward: --disk: is not a size"),
    (["shield", "--origin", "http://a", "--workers", "0"], "edgeward: --workers: should be greater"),
    (["shield", "--config", "none.toml"], "edgeward: none.toml: No such file or directory\n"),
    (["check", "none.toml"], "edgeward: none.toml: No such file or directory\n"),
]


@pytest.mark.parametrize(("arguments", "says"), COMMANDS, ids=[" ".join(row[0]) for row in COMMANDS])
def test_a_wrong_setting_is_one_line_and_exit_code_2(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    got = CliRunner().invoke(main, arguments)
    assert got.exit_code == 2
    assert got.stderr.startswith(says.replace("--shield[0]", "--shield"))
    assert got.stderr.count("\n") == 1


def test_check_names_file_line_and_key(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("orign = 'http://a'\n[store]\nram = 'x'\n")
    got = CliRunner().invoke(main, ["check", str(file)])
    assert got.exit_code == 2
    assert [line.split(": ")[1:3] for line in got.stderr.splitlines()] == [
        [f"{file}:1", "orign"],
        [f"{file}:3", "store.ram"],
    ]
    told = CliRunner().invoke(main, ["check", str(file), "--json"])
    assert told.exit_code == 2
    assert [fault["line"] for fault in json.loads(told.stdout)["faults"]] == [1, 3]


DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.mark.parametrize("tier", ["edge", "shield"])
def test_the_example_settings_are_good(tier):
    got = CliRunner().invoke(main, ["check", str(DEPLOY / f"{tier}.toml"), "--tier", tier])
    assert got.exit_code == 0, got.stderr
    assert f": good: {tier} " in got.stdout
    assert tomllib.loads((DEPLOY / f"{tier}.toml").read_text())["store"]["ram"]


@pytest.mark.parametrize("tier", ["edge", "shield"])
def test_the_settings_in_the_kubernetes_manifest_are_good(tier):
    manifest = (DEPLOY / "kubernetes" / "edgeward.yaml").read_text()
    block = manifest.split(f"  {tier}.toml: |\n")[1]
    lines = []
    for line in block.splitlines():
        if not line.startswith("    "):
            break
        lines.append(line[4:])
    assert isinstance(parse_settings("\n".join(lines), (Flag("", ("tier",), tier),)), Settings)
