"""`edgeward load` against running nodes: its ratios agree with the simulation, and its page opens in a browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal

import pytest

from edgeward.cli import main
from edgeward.load_compared import notes, verdict
from tests.scenarios import chromium
from tests.scenarios.ports import free_port
from tests.scenarios.processes import Command, node

pytestmark = pytest.mark.slow


IN_RAM = (("--ram", "12MiB", "--disk", "0"), ("--ram", "6MiB", "--disk", "0"))
ON_DISK = (("--ram", "4MiB", "--disk", "64MiB"), ("--ram", "2MiB", "--disk", "12MiB"))
"""Stores of the shield and of the edge, with room for a part of what is asked for."""


@contextlib.contextmanager
def running(folder, shield_stores, edge_stores):
    """An origin, a shield and an edge; a function that runs a load at them with more options, and its report."""
    port = free_port()
    origin = Command(
        folder, "origin", "--listen", f"127.0.0.1:{port}", ready=f"http://127.0.0.1:{port}/_count"
    )
    shield, shield_url, shield_admin = node(
        folder, "shield", "--origin", f"http://127.0.0.1:{port}", name="shield", extra=shield_stores
    )
    edge, url, edge_admin = node(folder, "edge", "--shield", shield_url, name="edge", extra=edge_stores)
    commands = [origin, shield, edge]

    def load(*options):
        asked = ["load", url, "--edge-admin", edge_admin, "--shield-admin", shield_admin, *options]
        asked += ["--objects", "1500", "--median-size", "16KiB", "--sigma", "1"]
        main([*asked, "--json", str(folder / "r.json")], standalone_mode=False)
        return json.loads((folder / "r.json").read_text())

    try:
        for command in commands:
            command.start()
        yield load
    finally:
        for command in reversed(commands):
            if command.process is not None and command.process.poll() is None:
                command.stop(signal.SIGKILL)


ONE_BY_ONE = ("--concurrency", "1", "--requests", "4500", "--warm-up", "500")
MIXED = ("--uncacheable", "0.05", "--scans", "0.05", "--drift", "0.2")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The reports of one run at concurrency 1, and of another at the same nodes; the page of the first."""
    folder = tmp_path_factory.mktemp("load")
    with running(folder, *IN_RAM) as load:
        first = load(*ONE_BY_ONE, *MIXED, "--html", str(folder / "r.html"))
        yield first, load("--requests", "500"), folder / "r.html"


@pytest.fixture(scope="module")
def reported(runs):
    """The report of the first run, and its page."""
    return runs[0], runs[2]


def agrees(result):
    """Whether what was measured is within half a point of our own simulation, in a run that shows something."""
    ours = result["compared"]["policies"][0]
    assert ours["policy"] == "edgeward" and result["run"]["errors"] == 0
    measured = result["tiers"][0]["object_hit_ratio"]
    assert 0.2 < measured < 0.9, "a run that hits always, or never, shows nothing"
    assert measured == pytest.approx(ours["edge"]["objects"], abs=0.005)
    assert result["whole"]["object_hit_ratio"] == pytest.approx(ours["whole"]["objects"], abs=0.005)


def test_the_measured_ratio_is_that_of_the_simulation_in_ram(reported):
    agrees(reported[0])


def test_the_measured_ratio_is_that_of_the_simulation_with_a_disk_that_is_full(tmp_path):
    with running(tmp_path, *ON_DISK) as load:
        result = load("--concurrency", "1", "--requests", "3500", "--warm-up", "500")
    agrees(result)
    edge = result["compared"]["budgets"]["edge"]
    assert result["workload"]["footprint_bytes"] > 1.5 * edge["disk"], "little had to be evicted"


def test_a_second_run_at_the_same_nodes_is_told_no_bound(runs):
    result = runs[1]
    assert result["compared"]["held_before"]["shield"] > 2**20
    assert "no policy can pass" in verdict(runs[0]) and "no policy can pass" not in verdict(result)
    assert "Held before the run" in " ".join(notes(result))


def test_the_budgets_are_those_that_the_nodes_tell(reported):
    told = reported[0]["compared"]["budgets"]
    assert [(told[tier]["ram"], told[tier]["disk"]) for tier in ("edge", "shield")] == [
        (6 * 2**20, 0), (12 * 2**20, 0),
    ]  # fmt: skip


def test_the_stores_were_empty_and_the_report_says_so(reported):
    held = reported[0]["compared"]["held_before"]
    assert len(held) == 2 and all(octets < 2**14 for octets in held.values()), held


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
