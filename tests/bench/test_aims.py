"""What benchmarks aim at: met or missed by both figures, and no program asked for that no chosen scenario needs."""

from __future__ import annotations

import json
import shutil

import pytest
from rich.console import Console

from bench import br_text, results
from bench.aims import as_json, judge, p99, rate
from bench.load import Round
from bench.table import SCENARIOS, missing, show, write


def rounds(*figures):
    return [Round(requests, 1.0, late, 0) for requests, late in figures]


MEASURED = {"edgeward": rounds((1300, 2.0), (2600, 4.0)), "nginx": rounds((1000, 2.0), (2000, 2.0))}


@pytest.mark.parametrize(
    ("aim", "said"),
    [
        (rate("nginx", 1.3), "met: requests/s at least 1.3 × nginx: 1,950 ÷ 1,500 = 1.30"),
        (rate("nginx", 1.31), "missed: requests/s at least 1.31 × nginx: 1,950 ÷ 1,500 = 1.30"),
        (p99("nginx", 1.5), "met: p99 ms at most 1.5 × nginx: 3.00 ÷ 2.00 = 1.50"),
        (p99("nginx", 1), "missed: p99 ms at most 1 × nginx: 3.00 ÷ 2.00 = 1.50"),
        (rate("varnish", 2), "not measured: requests/s at least 2 × varnish"),
    ],
    ids=str,
)
def test_an_aim_is_met_or_missed_and_both_figures_are_told(aim, said):
    (outcome,) = judge([aim], MEASURED)
    assert str(outcome) == said
    assert (
        as_json([outcome])[0]["met"]
        == {"met": True, "missed": False, "not measured": None}[said.split(":")[0]]
    )


def test_the_aims_are_those_that_the_project_has_set_itself():
    assert {name: [str(aim) for aim in scenario.aims] for name, scenario in SCENARIOS.items()} == {
        "hot": [
            "requests/s at least 1.3 × nginx", "requests/s at least 2 × varnish", "p99 ms at most 1 × nginx"
        ],
        "br": ["requests/s at least 1.3 × nginx"],
        "128k": ["requests/s at least 1 × nginx"],
        "1m": ["requests/s at least 1 × nginx"],
        "304": ["requests/s at least 1.3 × nginx"],
        "mixed": ["requests/s at least 1 × nginx", "p99 ms at most 0.2 × nginx"],
        "cold": ["requests/s at least 0.7 × nginx"],
        "scale": [],
    }  # fmt: skip


def test_each_aim_is_printed_and_written(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    console = Console(width=120, record=True, file=(tmp_path / "out").open("w"))
    show(console, SCENARIOS["mixed"], MEASURED)
    assert "  met: requests/s at least 1 × nginx" in console.export_text(clear=False)
    assert "  missed: p99 ms at most 0.2 × nginx: 3.00 ÷ 2.00 = 1.50" in console.export_text()
    told = json.loads(write("mixed", MEASURED).read_text())
    assert [one["met"] for one in told["aims"]] == [True, False]
    assert [one["p99"] for one in told["peers"]["edgeward"]] == [2.0, 4.0]


def test_only_what_the_chosen_scenarios_need_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(br_text, "MODULES", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda program, path: None)
    modules = {"libnginx-mod-http-brotli-filter", "libnginx-mod-http-brotli-static"}
    assert set(missing(["hot"])) == {"nginx-light", "varnish", "wrk", "util-linux"}
    assert set(missing(["br"])) == {"nginx-light", "wrk", "util-linux", *modules}
    assert set(missing(["scale"])) == {"wrk", "util-linux"}
    assert set(missing(["idle"])) == {"nginx-light", "util-linux"}
    assert modules < set(missing([*SCENARIOS, "idle"]))
