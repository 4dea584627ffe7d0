"""The numbers of the load report, from samples made by hand."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edgeward.load_compared import NAMES
from edgeward.load_page import page
from edgeward.load_report import render
from edgeward.load_result import OriginSaw, report
from edgeward.load_run import Pace, Run
from edgeward.load_tally import percentile, percentiles
from edgeward.load_units import size
from edgeward.load_workload import Workload

PERCENTILES = [
    ([], 0.5, 0.0),
    ([7.0], 0.99, 7.0),
    ([1.0, 2.0], 0.5, 1.0),
    ([1.0, 2.0, 3.0], 0.5, 2.0),
    (list(range(1, 101)), 0.99, 99),
    (list(range(1, 101)), 1.0, 100),
    (list(range(1, 1001)), 0.999, 999),
]


@pytest.mark.parametrize(("values", "share", "expected"), PERCENTILES)
def test_percentiles_are_of_the_nearest_rank(values, share, expected):
    assert percentile(values, share) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_at_least_that_share_is_not_above_a_percentile(values, share):
    found = percentile(sorted(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6


def test_percentiles_are_told_in_milliseconds():
    assert percentiles([0.001, 0.002])["max"] == 2.0


SAMPLES = [
    ("s; fwd=uri-miss; fwd-status=200; stored, e1; fwd=uri-miss; fwd-status=200; stored", 100, 0.020),
    ("s; hit; ttl=9, e2; fwd=uri-miss; fwd-status=200; stored", 100, 0.010),
    ("s; fwd=uri-miss; fwd-status=200; stored, e1; fwd=uri-miss; collapsed", 100, 0.015),
    ("s; fwd=uri-miss; fwd-status=200; stored, e1; hit; ttl=8", 100, 0.001),
    ("e2; hit; ttl=8", 500, 0.002),
    ("e2; hit; ttl=-1", 100, 0.003),
]


@pytest.fixture
def run():
    workload = Workload(
        {"kind": "trace", "file": "hand.csv"}, array("Q", [100, 500]), array("L", [0, 0, 0, 0, 1, 0])
    )
    run = Run(workload, Pace(concurrency=2), seconds=2.0)
    for sample in SAMPLES:
        run.tally.add(*sample)
    return run


def test_each_tier_is_judged_by_the_requests_that_came_to_it(run):
    edge, shield = report(run, None)["tiers"]
    assert (edge["requests"], shield["requests"]) == (6, 2)
    assert edge["object_hit_ratio"] == 3 / 6
    assert edge["byte_hit_ratio"] == 700 / 1000
    assert (shield["object_hit_ratio"], shield["byte_hit_ratio"]) == (0.5, 0.5)
    assert edge["outcomes"]["collapsed"] == {"requests": 1, "bytes": 100}
    assert edge["nodes"] == {"e1": 3, "e2": 3}
    for tier in (edge, shield):
        assert sum(one["requests"] for one in tier["outcomes"].values()) == tier["requests"]


def test_hits_and_misses_have_latencies_of_their_own(run):
    latency = report(run, None)["latency_ms"]
    assert (latency["hits"]["count"], latency["hits"]["max"]) == (3, 3.0)
    assert (latency["misses"]["count"], latency["misses"]["p50"]) == (3, 15.0)
    assert latency["by_outcome"]["shield hit"]["p50"] == 10.0
    assert latency["by_outcome"]["origin"]["p50"] == 20.0


def test_the_offload_is_what_the_origin_did_not_count(run):
    before = {"requests": 5, "bytes": 1000, "validations": 1}
    after = {"requests": 7, "bytes": 1200, "validations": 2}
    origin = report(run, OriginSaw.between(before, after))["origin"]
    assert (origin["requests"], origin["validations"]) == (2, 1)
    assert origin["object_offload"] == pytest.approx(4 / 6)
    assert origin["byte_offload"] == pytest.approx(0.8)
    assert origin["requests_told_by_cache_status"] == 1


def test_without_a_count_the_offload_is_what_cache_status_tells(run):
    assert report(run, None)["origin"]["object_offload"] == pytest.approx(5 / 6)
    run.tally.add("", 100, 0.1)
    assert report(run, None)["origin"]["object_offload"] is None


SAW_NOTHING, SAW_TWO = OriginSaw(0, 0, 0), OriginSaw(2, 200, 0)


@pytest.mark.parametrize("saw", [None, SAW_NOTHING], ids=["by Cache-Status", "by its count"])
def test_where_every_request_failed_the_offload_is_not_known(saw):
    run = Run(Workload({"kind": "trace", "file": "x"}, array("Q", [1]), array("L", [0])), Pace(), seconds=1.0)
    run.tally.errors["status 502"] = 300
    result = report(run, saw)
    assert (result["origin"]["object_offload"], result["origin"]["byte_offload"]) == (None, None)
    for shown in (text_of(result), page(result)):
        assert "not known" in shown and "100.0 %" not in shown


@pytest.mark.parametrize(
    ("saw", "share"), [(None, 5 / 6), (SAW_TWO, 4 / 6)], ids=["by Cache-Status", "by its count"]
)
def test_what_failed_is_not_offloaded(run, saw, share):
    run.tally.errors["status 502"] = 300
    assert report(run, saw)["origin"]["object_offload"] == pytest.approx(share)


def text_of(result, width=120):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render(result))
    return console.export_text()


def test_the_report_reads_as_tables(run):
    run.tally.errors["status 503"] = 2
    text = text_of(report(run, OriginSaw(2, 200, 1)))
    for part in (
        ": 4 requests/s",
        "2 errors (status 503 2)",
        "edge ×2",
        "50.0 %",
        "70.0 %",
        "of bytes never reached",
    ):
        assert part in text, part


def compared(**more):
    policies = [
        {"policy": name, "edge": share, "shield": share, "whole": share}
        for name in NAMES
        for share in [{"objects": 1.0, "bytes": 1.0}]
    ]
    budgets = {tier: {"ram": 2**28, "disk": 10 * 2**30} for tier in ("edge", "shield")}
    told = {
        "policies": policies,
        "budgets": budgets,
        "held_before": {"http://e1": 0, "shield": 0},
        "why_not": "",
    }
    return {"compared": told | more}


def test_tables_fit_80_columns_with_millions_of_requests(run):
    result = report(run, OriginSaw(2, 200, 1)) | compared()
    for tier in (*result["tiers"], result["whole"]):
        tier.update(requests=9_999_999, object_hit_ratio=1.0, byte_hit_ratio=1.0)
    for one in (*result["latency_ms"]["by_outcome"].values(), result["latency_ms"]["hits"]):
        one.update(count=9_999_999, p50=99.99, p90=999.99, p99=999.99, p999=9999.99, max=59999.99)
    text = text_of(result, width=80)
    assert "…" not in text and max(map(len, text.splitlines())) <= 80
    rows = [line.split()[0] for line in text.splitlines() if line.endswith("100.0 %")]
    assert rows == ["measured", *(name.split()[0] for name in NAMES.values())], "no row is two lines"
    for header in ("p99.9", "validated", "forwarded", "collapsed"):
        assert header in text.split(), header


def test_where_nothing_was_answered_there_is_a_dash_and_no_time(run):
    only_hits = Run(run.workload, Pace(), seconds=1.0)
    only_hits.tally.add(*SAMPLES[3])
    (misses,) = (line for line in text_of(report(only_hits, None)).splitlines() if line.startswith("misses"))
    assert misses.split() == ["misses", "0", *"–––––"]


@pytest.mark.parametrize("shown", [text_of, page], ids=["terminal", "page"])
def test_the_conditions_of_the_run_are_told(run, shown):
    run.began = 1_700_000_000.0
    closed = report(run, None, ["http://e1", "http://e2"]) | compared()
    for part in (
        "2023-11-14 22:13:20 UTC",
        "http://e1, http://e2",
        "closed loop, 2 at a time",
        "edge RAM 256.0 MiB, disk 10.0 GiB; shield RAM 256.0 MiB, disk 10.0 GiB",
    ):
        assert part in shown(closed), part
    run.pace, run.late = Pace(concurrency=9, rate=500.0), 7
    text = shown(report(run, None))
    assert "open loop, 500 requests/s, at most 9 at a time; 7 were sent more than 10 ms late" in text
    assert "closed loop" not in text


@pytest.mark.parametrize("shown", [text_of, page], ids=["terminal", "page"])
def test_where_nothing_is_compared_it_says_why(run, shown):
    result = report(run, None) | compared(policies=[], budgets=None, why_not="http://e1/metrics: refused")
    assert "http://e1/metrics: refused" in shown(result)
    assert shown is text_of or "What others would have got" in shown(result)


def test_the_chart_along_the_run_says_what_a_point_is(run):
    run.hit_at = bytearray(600)
    assert "hit ratio, for each 10 requests in their order" in page(report(run, None))


@pytest.mark.parametrize(
    ("octets", "text"), [(10, "10 B"), (1536, "1.5 KiB"), (2**21, "2.0 MiB"), (2**31, "2.0 GiB")]
)
def test_sizes_read_well(octets, text):
    assert size(octets) == text
