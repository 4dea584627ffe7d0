"""How a comparison is told: as a bound only where it is one, and what is to be known where it is not."""

from __future__ import annotations

import pytest

from edgeward.load_compared import NAMES, NO_BOUND, notes, shown, verdict, why_not

MIB = 2**20
TIER = {"object_hit_ratio": 0.712, "byte_hit_ratio": 0.4, "requests": 1000}
RATIOS = {"edgeward": 0.71, "lru": 0.66, "fifo": 0.6, "sieve": 0.65, "pfoo-l": 0.789}
EDGE, OTHER = "http://127.0.0.1:8080", "http://127.0.0.1:8082"


def tier(ratio, octets=0.4, **outcomes):
    counts = {"collapsed": 0, "revalidated": 0} | outcomes
    told = {name: {"requests": number} for name, number in counts.items()}
    return {"object_hit_ratio": ratio, "byte_hit_ratio": octets, "requests": 1000, "outcomes": told}


def told(*tiers, ratios=RATIOS, held=None, room=99 * MIB, shield=False, **work):
    """What a run would report of one edge with 1 MiB of RAM and `room` on disk."""
    work = {"footprint_bytes": 200 * MIB, "uncacheable_requests": 0, "requests": 1000} | work
    policies = [
        {
            "policy": name,
            "edge": {"objects": ratio, "bytes": 0.5},
            "shield": None,
            "whole": {"objects": ratio},
        }
        for name, ratio in ratios.items()
    ]
    budgets = {name: {"ram": MIB, "disk": room} for name in (("edge", "shield") if shield else ("edge",))}
    compared = {"policies": policies, "budgets": budgets, "held_before": held or {EDGE: 0}, "why_not": ""}
    tiers = list(tiers or (tier(0.712),))
    return {"tiers": tiers, "whole": TIER, "compared": compared, "workload": work}


def test_the_sentence_tells_you_lru_and_the_bound():
    result = told()
    assert verdict(result) == (
        "The edges get 71.2 %, LRU 66.0 %, no policy can pass 78.9 %; of bytes 40.0 %, 50.0 % and 50.0 %."
    )
    assert [line.name for line in shown(result)] == ["measured", *(NAMES[name] for name in RATIOS)]
    assert notes(result) == []
    assert verdict({"tiers": [TIER], "whole": TIER}) == ""


@pytest.mark.parametrize(
    ("held", "work"),
    [
        ({EDGE: 30 * MIB}, {}),
        ({EDGE: 0, OTHER: 30 * MIB}, {}),
        ({EDGE: 30 * MIB}, {"room": 10 * 2**30, "footprint_bytes": 30 * MIB}),
    ],
    ids=[
        "in a store that is smaller than what is asked for",
        "at another edge",
        "in a store that is far larger",
    ],
)
def test_an_edge_that_was_not_empty_before_the_run_has_no_bound(held, work):
    result = told(tier(0.5), held=held, **work)
    assert "no policy can pass" not in verdict(result)
    said = " ".join(notes(result))
    assert "30.0 MiB" in said and "no bound" in said
    assert shown(result)[-1].name == NO_BOUND


def test_a_little_that_was_held_before_is_not_worth_a_word():
    result = told(held={EDGE: MIB})
    assert "no policy can pass" in verdict(result) and notes(result) == []


@pytest.mark.parametrize("edge", [tier(0.9), tier(0.7, octets=0.6)], ids=["of requests", "of bytes"])
def test_a_measured_ratio_above_the_bound_shows_that_it_is_none(edge):
    result = told(edge)
    assert "no policy can pass" not in verdict(result)
    assert "is above it" in notes(result)[0]


def test_where_it_is_not_known_what_was_held_the_bound_is_told_as_a_condition():
    result = told(held={EDGE: 0, OTHER: None})
    assert "no policy can pass" not in verdict(result)
    assert "only if the stores were empty" in notes(result)[0] and OTHER in notes(result)[1]


def test_what_the_shield_held_is_told_and_leaves_the_bound_of_the_edges():
    result = told(held={EDGE: 0, "shield": 30 * MIB}, shield=True)
    assert "no policy can pass 78.9 %" in verdict(result)
    assert "shield 30.0 MiB" in notes(result)[0]


def test_where_all_fits_the_report_says_that_all_policies_are_alike_and_what_waiting_costs():
    alike = dict.fromkeys(RATIOS, 0.675)
    result = told(tier(0.657, collapsed=18), ratios=alike, footprint_bytes=20 * MIB)
    assert verdict(result).startswith("The edges get 65.7 % and 1.8 % waited for a fetch, LRU 67.5 %,")
    said = notes(result)
    assert "Nothing had to be evicted" in said[0] and "1.8 points" in said[1]


def test_policies_that_differ_are_not_called_alike():
    assert notes(told(footprint_bytes=20 * MIB)) == []


def test_what_may_not_be_stored_or_has_expired_is_told_as_nobodys_hit():
    (said,) = notes(told(tier(0.5, revalidated=20), uncacheable_requests=49))
    assert "4.9 points" in said and "2.0 points" in said and "nor of the simulated" in said


def test_a_bound_that_was_given_up_is_not_told():
    result = told(ratios={name: ratio for name, ratio in RATIOS.items() if name != "pfoo-l"})
    assert "no policy can pass" not in verdict(result)
    assert "given up" in notes(result)[0]


def test_edges_alone_are_not_compared_with_a_whole_that_has_a_shield():
    behind = told(tier(0.712), tier(0.5))
    assert [line.whole for line in shown(behind)][1:] == [None] * len(RATIOS)
    assert shown(told(tier(0.712), tier(0.5), shield=True))[2].whole == RATIOS["lru"]


def test_why_nothing_was_compared_is_told():
    result = told() | {"tiers": []}
    assert why_not(result) == "no answer had a Cache-Status"
    result["compared"] = {"policies": [], "why_not": "http://x/metrics: refused"}
    assert why_not(result) == "http://x/metrics: refused"
    assert why_not({"tiers": []}) == "", "nobody asked for it"
