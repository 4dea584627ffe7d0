"""Whether a stored response may answer (RFC 9111 §4, §5.2.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Form
from httpcache.rules.decisions import (
    Candidate,
    Forward,
    ForwardReason,
    GatewayTimeout,
    Reuse,
    Standing,
    Validate,
)
from httpcache.rules.reuse import decide_reuse
from httpcache.settings import SitePolicy
from tests.rules.things import NOW, POLICY, get, stored

FRESH = {"Cache_Control": "max-age=160", "ETag": '"1"'}
STALE = {"Cache_Control": "max-age=60", "ETag": '"1"'}


def decided(request: dict, fields: dict, standing: Standing = Standing.GOOD) -> tuple:
    decision = decide_reuse(get(**request), [Candidate(stored(**fields), standing)], NOW, POLICY)
    match decision:
        case Reuse():
            return "reuse", decision.age, decision.ttl, decision.refresh, decision.detail
        case Validate() | Forward():
            return type(decision).__name__.lower(), decision.reason.value, decision.detail
        case GatewayTimeout():
            return ("504",)


CASES = [
    ("fresh", {}, FRESH, ("reuse", 100, 60, False, "")),
    ("stale", {}, STALE, ("validate", "stale", "")),
    ("stale at its very lifetime", {}, {"Cache_Control": "max-age=100"}, ("validate", "stale", "")),
    ("request no-cache (§5.2.1.4)", {"Cache_Control": "no-cache"}, FRESH, ("validate", "request", "no-cache")),
    ("Pragma: no-cache (§5.4)", {"Pragma": "no-cache"}, FRESH, ("validate", "request", "no-cache")),
    ("Pragma beside Cache-Control is ignored", {"Pragma": "no-cache", "Cache_Control": "max-age=999"}, FRESH, ("reuse", 100, 60, False, "")),
    ("request max-age under the age (§5.2.1.1)", {"Cache_Control": "max-age=99"}, FRESH, ("validate", "request", "max-age")),
    ("request max-age at the age", {"Cache_Control": "max-age=100"}, FRESH, ("reuse", 100, 60, False, "")),
    ("request max-age=0", {"Cache_Control": "max-age=0"}, FRESH, ("validate", "request", "max-age")),
    ("min-fresh that holds (§5.2.1.3)", {"Cache_Control": "min-fresh=60"}, FRESH, ("reuse", 100, 60, False, "")),
    ("min-fresh that does not", {"Cache_Control": "min-fresh=61"}, FRESH, ("validate", "request", "min-fresh")),
    ("max-stale within (§5.2.1.2)", {"Cache_Control": "max-stale=40"}, STALE, ("reuse", 100, -40, False, "max-stale")),
    ("max-stale beyond", {"Cache_Control": "max-stale=39"}, STALE, ("validate", "stale", "")),
    ("max-stale without a number", {"Cache_Control": "max-stale"}, STALE, ("reuse", 100, -40, False, "max-stale")),
    ("only-if-cached and fresh (§5.2.1.7)", {"Cache_Control": "only-if-cached"}, FRESH, ("reuse", 100, 60, False, "")),
    ("only-if-cached and stale", {"Cache_Control": "only-if-cached"}, STALE, ("504",)),
    ("response no-cache (§5.2.2.4)", {}, {"Cache_Control": "max-age=160, no-cache"}, ("validate", "stale", "no-cache")),
    ("qualified no-cache does not forbid", {}, {"Cache_Control": 'max-age=160, no-cache="set-cookie"'}, ("reuse", 100, 60, False, "")),
    ("stale-while-revalidate within (5861 §3)", {}, {"Cache_Control": "max-age=60, stale-while-revalidate=41"}, ("reuse", 100, -40, True, "stale-while-revalidate")),
    ("stale-while-revalidate over", {}, {"Cache_Control": "max-age=60, stale-while-revalidate=40"}, ("validate", "stale", "")),
    ("must-revalidate forbids stale (§5.2.2.2)", {"Cache_Control": "max-stale"}, {"Cache_Control": "max-age=60, must-revalidate"}, ("validate", "stale", "must-revalidate")),
    ("proxy-revalidate forbids stale (§5.2.2.8)", {"Cache_Control": "max-stale"}, {"Cache_Control": "max-age=60, proxy-revalidate"}, ("validate", "stale", "must-revalidate")),
    ("of stale and no-cache asked for, stale", {"Cache_Control": "no-cache"}, STALE, ("validate", "stale", "no-cache")),
    ("Pragma among others", {"Pragma": "x, No-Cache"}, FRESH, ("validate", "request", "no-cache")),
    ("max-stale stretches max-age (§5.2.1.1)", {"Cache_Control": "max-age=70, max-stale=40"}, STALE, ("reuse", 100, -40, False, "max-stale")),
    ("but not without end", {"Cache_Control": "max-age=50, max-stale=40"}, STALE, ("validate", "stale", "")),
    ("request max-age that is no number", {"Cache_Control": "max-age=x"}, FRESH, ("validate", "request", "max-age")),
    ("request max-age wants nothing stale (§5.2.1.1)", {"Cache_Control": "max-age=999"}, {"Cache_Control": "max-age=60, stale-while-revalidate=99"}, ("validate", "stale", "")),
    ("min-fresh wants nothing stale (§5.2.1.3)", {"Cache_Control": "min-fresh=0"}, {"Cache_Control": "max-age=60, stale-while-revalidate=99"}, ("validate", "stale", "")),
    ("request no-store does not apply to what is stored (§5.2.1.5)", {"Cache_Control": "no-store"}, FRESH, ("reuse", 100, 60, False, "")),
    ("only-if-cached and no-cache", {"Cache_Control": "only-if-cached, no-cache"}, FRESH, ("504",)),
    ("only-if-cached and max-stale", {"Cache_Control": "only-if-cached, max-stale"}, STALE, ("reuse", 100, -40, False, "max-stale")),
    ("immutable and a reload's max-age=0 (8246 §2.1)", {"Cache_Control": "max-age=0"}, {"Cache_Control": "max-age=160, immutable"}, ("reuse", 100, 60, False, "immutable")),
    ("immutable and no-cache (8246 §2.1)", {"Cache_Control": "no-cache"}, {"Cache_Control": "max-age=160, immutable"}, ("validate", "request", "no-cache")),
    ("immutable and stale (8246 §2)", {}, {"Cache_Control": "max-age=60, immutable"}, ("validate", "stale", "")),
    ("max-stale within the window of stale-while-revalidate is validated after", {"Cache_Control": "max-stale"}, {"Cache_Control": "max-age=60, stale-while-revalidate=99"}, ("reuse", 100, -40, True, "stale-while-revalidate")),
    ("must-revalidate forbids stale-while-revalidate", {}, {"Cache_Control": "max-age=60, must-revalidate, stale-while-revalidate=99"}, ("validate", "stale", "must-revalidate")),
    ("s-maxage forbids stale-while-revalidate", {}, {"Cache_Control": "s-maxage=60, stale-while-revalidate=99"}, ("validate", "stale", "must-revalidate")),
    ("must-revalidate and fresh", {}, {"Cache_Control": "max-age=160, must-revalidate"}, ("reuse", 100, 60, False, "")),
    ("private, as a 304 made it (§5.2.2.7)", {}, {"Cache_Control": "max-age=160, private"}, ("forward", "miss", "private")),
    ("no-store, as a 304 made it (§5.2.2.5)", {}, {"Cache_Control": "max-age=160, no-store"}, ("forward", "miss", "no-store")),
    ("no-store that must-understand overrides (§5.2.2.3)", {}, {"Cache_Control": "max-age=160, no-store, must-understand"}, ("reuse", 100, 60, False, "")),
    ("targeted freshness beside no-store (9213 §2.2)", {}, {"Cache_Control": "no-store", "CDN_Cache_Control": "max-age=160"}, ("reuse", 100, 60, False, "cdn-cache-control-max-age")),
    ("a guess is told", {}, {"Last_Modified": "Tue, 14 Nov 2023 20:13:20 GMT"}, ("reuse", 100, 610, False, "heuristic")),
    ("s-maxage forbids stale (§5.2.2.10)", {"Cache_Control": "max-stale"}, {"Cache_Control": "s-maxage=60"}, ("validate", "stale", "must-revalidate")),
]  # fmt: skip


@pytest.mark.requirement("9111§4 reuse-only-when-allowed")
@pytest.mark.requirement("9111§4 no-cache-needs-validation")
@pytest.mark.requirement("9111§4.2.4 stale-never-when-prohibited")
@pytest.mark.requirement("9111§4.2.4 stale-only-when-permitted")
@pytest.mark.requirement("9111§5.2.1.7 only-if-cached-or-504")
@pytest.mark.requirement("9111§5.2.2.2 must-revalidate-when-stale")
@pytest.mark.requirement("9111§5.2.2.4 no-cache-needs-validation")
@pytest.mark.requirement("9111§5.2.2.5 no-store-is-not-used")
@pytest.mark.requirement("9111§5.2.2.8 proxy-revalidate-when-stale")
@pytest.mark.requirement("9111§5.2.2.10 s-maxage-when-stale")
@pytest.mark.requirement("5861§3 stale-while-revalidate-within-its-window")
@pytest.mark.requirement("8246§2.1 fresh-immutable-is-not-validated-unless-asked")
@pytest.mark.parametrize(
    ("request_", "fields", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_decide_reuse(request_, fields, expected):
    assert decided(request_, fields) == expected


STANDINGS = [
    ("gone is not there", Standing.GONE, FRESH, ("forward", "uri-miss", "purged")),
    ("soft-purged is validated", Standing.SOFT, FRESH, ("validate", "stale", "soft-purged")),
    ("invalidated is validated (§4.4)", Standing.INVALID, FRESH, ("validate", "stale", "invalidated")),
    ("unproven is validated", Standing.UNPROVEN, FRESH, ("validate", "stale", "purge-log-lost")),
    ("cut off is validated", Standing.CUT_OFF, FRESH, ("validate", "stale", "purge-log-silent")),
    (
        "tolerated is reused, and told",
        Standing.TOLERATED,
        FRESH,
        ("reuse", 100, 60, False, "purge-log-silent-tolerated"),
    ),
]


@pytest.mark.parametrize(
    ("standing", "fields", "expected"), [c[1:] for c in STANDINGS], ids=[c[0] for c in STANDINGS]
)
def test_what_orders_and_invalidations_say_comes_first(standing, fields, expected):
    assert decided({}, fields, standing) == expected
    assert decided({"Cache_Control": "max-stale"}, fields, standing) == expected


@pytest.mark.requirement("9111§4 unsafe-methods-are-written-through")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_a_method_other_than_get_and_head_is_forwarded(method):
    fresh = [Candidate(stored(**FRESH))]
    assert decide_reuse(get(method), fresh, NOW, POLICY) == Forward(ForwardReason.METHOD)


@pytest.mark.requirement("9111§4 method-allows-reuse")
def test_a_stored_get_answers_head():
    assert isinstance(decide_reuse(get("HEAD"), [Candidate(stored(**FRESH))], NOW, POLICY), Reuse)


def test_a_site_that_bypasses_reuses_nothing():
    fresh = [Candidate(stored(**FRESH))]
    assert decide_reuse(get(), fresh, NOW, SitePolicy(bypass=True)) == Forward(ForwardReason.BYPASS)


PART = replace(stored(Content_Length="100", **FRESH), forms=(Form("", "id", 100, ((10, 50),)),))
RANGES = [
    ("within", {"Range": "bytes=10-49"}, True),
    ("several within", {"Range": "bytes=10-19, 30-39"}, True),
    ("before", {"Range": "bytes=9-20"}, False),
    ("beyond", {"Range": "bytes=20-50"}, False),
    ("to the end", {"Range": "bytes=20-"}, False),
    ("the last", {"Range": "bytes=-10"}, False),
    ("past the end", {"Range": "bytes=200-"}, False),
    ("of another representation", {"Range": "bytes=10-49", "If_Range": '"2"'}, False),
    ("of this representation", {"Range": "bytes=10-49", "If_Range": '"1"'}, True),
    ("of another unit", {"Range": "lines=10-20"}, False),
    ("none", {}, False),
]


@pytest.mark.requirement("9111§3.3 incomplete-answers-only-ranges-within")
@pytest.mark.parametrize(("request_", "answers"), [c[1:] for c in RANGES], ids=[c[0] for c in RANGES])
def test_what_is_held_in_part_answers_ranges_within_it(request_, answers):
    decision = decide_reuse(get(**request_), [Candidate(PART)], NOW, POLICY)
    assert isinstance(decision, Reuse) if answers else decision == Forward(ForwardReason.PARTIAL)


@pytest.mark.requirement("9111§4.3.2 tag-of-a-part-only-where-it-answers")
def test_the_tag_of_what_is_held_in_part_is_not_offered_beside_others():
    whole, part = stored(received=NOW - 50, Cache_Control="max-age=1", ETag='"2"'), replace(PART)
    decision = decide_reuse(get(), [Candidate(part), Candidate(whole)], NOW, POLICY)
    assert isinstance(decision, Validate)
    assert decision.stored == (whole,)


def test_what_is_still_arriving_is_no_part():
    arriving = replace(stored(**FRESH), forms=(Form("", "id", None),))
    assert isinstance(decide_reuse(get(), [Candidate(arriving)], NOW, POLICY), Reuse)


@given(
    st.lists(
        st.sampled_from(["private", "no-store", "max-age=600", "public", "s-maxage=600", "stale-if-error=9"]),
        max_size=5,
    ),
    st.sampled_from(
        [{}, {"Cache_Control": "max-stale"}, {"Cache_Control": "only-if-cached"}, {"Range": "bytes=0-1"}]
    ),
)
def test_what_is_private_or_not_to_be_stored_is_never_reused(directives, request_):
    one = stored(Cache_Control=", ".join(directives), ETag='"1"')
    decision = decide_reuse(get(**request_), [Candidate(one)], NOW, POLICY)
    if {"private", "no-store"} & set(directives):
        assert isinstance(decision, Forward | GatewayTimeout)


def test_nothing_stored_is_a_uri_miss():
    assert decide_reuse(get(), [], NOW, POLICY) == Forward(ForwardReason.URI_MISS)


@pytest.mark.requirement("9111§4.1 vary-must-match")
def test_another_variant_is_a_vary_miss():
    german = stored(request=get(Accept_Language="de"), Vary="Accept-Language", **FRESH)
    assert decide_reuse(get(Accept_Language="fr"), [Candidate(german)], NOW, POLICY) == Forward(
        ForwardReason.VARY_MISS
    )


@pytest.mark.requirement("9111§4 most-recent-of-several")
def test_of_several_that_match_the_most_recent_answers():
    old, new = stored(received=NOW - 100, **FRESH), stored(received=NOW - 50, **FRESH)
    for order in ([old, new], [new, old]):
        decision = decide_reuse(get(), [Candidate(one) for one in order], NOW, POLICY)
        assert isinstance(decision, Reuse)
        assert decision.stored == new


def test_validating_offers_every_entity_tag_of_the_key():
    german = stored(
        request=get(Accept_Language="de"), Vary="Accept-Language", Cache_Control="max-age=1", ETag='"de"'
    )
    french = stored(
        request=get(Accept_Language="fr"), Vary="Accept-Language", Cache_Control="max-age=1", ETag='"fr"'
    )
    decision = decide_reuse(get(Accept_Language="fr"), [Candidate(german), Candidate(french)], NOW, POLICY)
    assert isinstance(decision, Validate)
    assert decision.stored == (french, german)
