"""`edgeward load` against running nodes: its ratios agree with the simulation, and its page opens in a browser."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest

from edgeward.cli import main
from tests.scenarios import chromium
from tests.scenarios.ports import free_port
from tests.scenarios.processes import Command, node

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """The JSON report, and the page, of one run at concurrency 1 through an edge and a shield with little room.

    In RAM: on a busy machine a disk store holds more than its budget, by what waits to be written.
    """
    folder = tmp_path_factory.mktemp("load")
    port = free_port()
    origin = Command(
        folder, "origin", "--listen", f"127.0.0.1:{port}", ready=f"http://127.0.0.1:{port}/_count"
    )
    shield, shield_url, shield_admin = node(
        folder, "shield", "--origin", f"http://127.0.0.1:{port}", name="shield",
        extra=("--ram", "12MiB", "--disk", "0"),
    )  # fmt: skip
    edge, url, edge_admin = node(
        folder, "edge", "--shield", shield_url, name="edge", extra=("--ram", "6MiB", "--disk", "0")
    )
    commands = [origin, shield, edge]
    try:
        for command in commands:
            command.start()
        load = ["load", url, "--edge-admin", edge_admin, "--shield-admin", shield_admin, "--concurrency", "1"]
        load += ["--objects", "1500", "--requests", "4500", "--warm-up", "500", "--median-size", "16KiB"]
        load += ["--sigma", "1", "--uncacheable", "0.05", "--scans", "0.05", "--drift", "0.2"]
        load += ["--json", str(folder / "r.json"), "--html", str(folder / "r.html")]
        main(load, standalone_mode=False)
        yield json.loads((folder / "r.json").read_text()), folder / "r.html"
    finally:
        for command in reversed(commands):
            if command.process is not None and command.process.poll() is None:
                command.stop(signal.SIGKILL)


def test_the_measured_ratio_is_that_of_the_simulation(reported):
    result, _ = reported
    ours = result["compared"]["policies"][0]
    assert ours["policy"] == "edgeward" and result["run"]["errors"] == 0
    measured = result["tiers"][0]["object_hit_ratio"]
    assert 0.2 < measured < 0.9, "a run that hits always, or never, shows nothing"
    assert measured == pytest.approx(ours["edge"]["objects"], abs=0.005)
    assert result["whole"]["object_hit_ratio"] == pytest.approx(ours["whole"]["objects"], abs=0.005)


def test_the_budgets_are_those_that_the_nodes_tell(reported):
    told = reported[0]["compared"]["budgets"]
    assert [(told[tier]["ram"], told[tier]["disk"]) for tier in ("edge", "shield")] == [
        (6 * 2**20, 0), (12 * 2**20, 0),
    ]  # fmt: skip


def test_the_stores_were_empty_and_the_report_says_so(reported):
    assert reported[0]["compared"]["held_before"] < 2**20


def test_no_policy_and_no_measurement_passes_the_bound(reported):
    result, _ = reported
    *others, bound = result["compared"]["policies"]
    measured = {"edge": result["tiers"][0], "whole": result["whole"]}
    for tier in ("edge", "whole"):
        assert measured[tier]["object_hit_ratio"] <= bound[tier]["objects"]
        assert measured[tier]["byte_hit_ratio"] <= bound[tier]["bytes"]
        assert all(one[tier]["objects"] <= bound[tier]["objects"] for one in others)


def test_the_origin_counted_what_is_measured_and_not_the_warm_up(reported):
    result, _ = reported
    assert result["run"]["requests"] == 4000
    assert result["origin"]["requests"] == result["origin"]["requests_told_by_cache_status"]


@pytest.mark.skipif(chromium.PROGRAM is None, reason="Chromium is not installed: apt-get install chromium")
async def test_the_page_opens_in_a_browser_and_needs_nothing_else(reported, tmp_path):
    result, file = reported
    async with chromium.browsing(tmp_path / "profile") as browser:
        visit = await browser.visit(file.as_uri())
        shown = await browser.text_of("verdict")
    assert visit.errors == [] and visit.loaded == [], "it asks for nothing over the network"
    edge = result["tiers"][0]["object_hit_ratio"]
    assert f"The edges get {edge * 100:.1f} %, LRU" in shown
    text = await asyncio.to_thread(file.read_text)
    assert text.count("<svg") == 4 and "Belady-Size" in text
