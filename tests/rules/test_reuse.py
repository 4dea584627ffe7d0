"""Whether a stored response may answer (RFC 9111 §4, §5.2.1)."""

from __future__ import annotations

import pytest

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
    ("s-maxage forbids stale (§5.2.2.10)", {"Cache_Control": "max-stale"}, {"Cache_Control": "s-maxage=60"}, ("validate", "stale", "must-revalidate")),
]  # fmt: skip


@pytest.mark.requirement("9111§4 reuse-only-when-allowed")
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
]


@pytest.mark.parametrize(
    ("standing", "fields", "expected"), [c[1:] for c in STANDINGS], ids=[c[0] for c in STANDINGS]
)
def test_what_orders_and_invalidations_say_comes_first(standing, fields, expected):
    assert decided({}, fields, standing) == expected
    assert decided({"Cache_Control": "max-stale"}, fields, standing) == expected


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
