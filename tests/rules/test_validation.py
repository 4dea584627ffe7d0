"""Validation, freshening and failures (RFC 9111 §4.3, RFC 5861 §4)."""

from __future__ import annotations

import pytest

from httpcache.rules.decisions import (
    AskAgain,
    Candidate,
    Freshened,
    PassFailure,
    ServeStale,
    Standing,
    UseFull,
)
from httpcache.rules.validation import conditions, decide_failure, decide_validation
from tests.rules.things import NOW, POLICY, get, response, stored

LM = "Sun, 06 Nov 1994 08:49:37 GMT"
ONE, TWO, WEAK = (
    stored(ETag='"1"', Last_Modified=LM),
    stored(ETag='"2"'),
    stored(ETag='W/"1"', Last_Modified=LM),
)
BARE = stored(Cache_Control="max-age=1")


@pytest.mark.requirement("9111§4.3.1 send-entity-tags")
@pytest.mark.requirement("9111§4.3.1 send-last-modified")
def test_conditions_carry_every_entity_tag_and_last_modified_of_a_single_response():
    assert dict(conditions([ONE])) == {"If-None-Match": '"1"', "If-Modified-Since": LM}
    assert dict(conditions([ONE, TWO])) == {"If-None-Match": '"1", "2"'}
    assert conditions([BARE]) == ()


def judged(held, head, request=None):
    return decide_validation(request or get(), held, head, NOW, NOW, POLICY)


DE, FR = get(Accept_Language="de"), get(Accept_Language="fr")
GERMAN = stored(request=DE, Vary="Accept-Language", ETag='W/"1"', Last_Modified=LM, X="de")
FRENCH = stored(request=FR, Vary="Accept-Language", ETag='W/"1"', Last_Modified=LM, X="fr", received=NOW - 50)
OLD, NEW = stored(ETag='W/"1"', X="old"), stored(ETag='W/"1"', X="new", received=NOW - 50)
QUOTELESS = stored(ETag="abc")


@pytest.mark.requirement("9111§4.3.1 send-entity-tags")
def test_what_is_no_validator_is_not_sent_beside_others_and_a_date_must_be_one():
    assert dict(conditions([ONE, QUOTELESS])) == {"If-None-Match": '"1"'}
    assert dict(conditions([QUOTELESS])) == {"If-None-Match": "abc"}
    assert conditions([stored(Last_Modified="yesterday")]) == ()
    assert dict(conditions([WEAK, ONE])) == {"If-None-Match": 'W/"1", "1"'}


@pytest.mark.requirement("9111§4.3.4 weak-validator-names-the-most-recent-that-could-be-chosen")
def test_a_weak_tag_or_a_date_names_only_what_this_request_could_have_chosen():
    for fields in ({"ETag": 'W/"1"'}, {"Last_Modified": LM}):
        outcome = judged((GERMAN, FRENCH), response(304, **fields), DE)
        assert isinstance(outcome, Freshened)
        assert [one.fields.get("x") for one in outcome.stored] == ["de"]
    outcome = judged((OLD, NEW), response(304, ETag='W/"1"'))
    assert isinstance(outcome, Freshened)
    assert [one.fields.get("x") for one in outcome.stored] == ["new"]


@pytest.mark.requirement("9111§4.3.4 all-with-the-same-strong-validator-are-updated")
def test_a_strong_tag_names_every_response_that_has_it():
    twin = stored(ETag='"2"', X="twin")
    outcome = judged((TWO, twin, ONE), response(304, ETag='"2"', X_New="1"))
    assert isinstance(outcome, Freshened)
    assert [one.fields.get("x-new") for one in outcome.stored] == ["1", "1"]


NOT_UPDATED = [
    pytest.param({"Cache_Control": "private"}, id="private (§5.2.2.7)"),
    pytest.param({"Cache_Control": "max-age=60, no-store"}, id="no-store (§5.2.2.5)"),
    pytest.param({"CDN_Cache_Control": "no-store", "Cache_Control": "max-age=9"}, id="targeted no-store"),
    pytest.param({"Vary": "*"}, id="Vary: * (§4.1)"),
    pytest.param({"Vary": "Accept-Language"}, id="a Vary that the stored response was not selected by"),
]


@pytest.mark.requirement("9111§5.2.2.5 no-store-is-not-stored")
@pytest.mark.requirement("9111§5.2.2.7 private-is-not-stored")
@pytest.mark.parametrize("fields", NOT_UPDATED)
def test_a_304_that_must_not_be_stored_updates_nothing(fields):
    assert judged((ONE,), response(304, ETag='"1"', **fields)) == AskAgain()


def test_a_304_may_vary_by_less_than_the_stored_response():
    both = stored(request=DE, Vary="Accept-Language, X-A", ETag='"1"')
    assert isinstance(judged((both,), response(304, ETag='"1"', Vary="accept-language"), DE), Freshened)


IDENTIFIED = [
    ("a strong tag names its response", (ONE, TWO), {"ETag": '"2"'}, TWO),
    ("a weak tag names the one it matches", (WEAK, TWO), {"ETag": 'W/"1"'}, WEAK),
    ("Last-Modified names the one it equals", (TWO, ONE), {"Last_Modified": LM}, ONE),
    ("no validator where one was asked about", (ONE,), {}, ONE),
    ("no validator where several were asked about", (ONE, TWO), {}, None),
    ("a strong tag that nothing has", (ONE, TWO), {"ETag": '"3"'}, None),
    ("a strong tag does not name a weak one", (WEAK,), {"ETag": '"1"'}, None),
    ("a weak tag that nothing has", (ONE,), {"ETag": 'W/"3"', "Last_Modified": LM}, None),
    ("a tag where nothing has one", (stored(Last_Modified=LM),), {"ETag": '"1"'}, None),
    ("a tag without quotes where only one was asked about", (QUOTELESS,), {"ETag": "abc"}, QUOTELESS),
]


@pytest.mark.requirement("9111§4.3.4 strong-validator-must-match")
@pytest.mark.parametrize(
    ("held", "fields", "named"), [c[1:] for c in IDENTIFIED], ids=[c[0] for c in IDENTIFIED]
)
def test_which_response_a_304_updates(held, fields, named):
    outcome = judged(held, response(304, **fields))
    if named is None:
        assert outcome == AskAgain()
    else:
        assert isinstance(outcome, Freshened)
        assert outcome.stored[0].fields.get("etag") == named.fields.get("etag")


@pytest.mark.requirement("9111§4.3.3 full-response-is-used")
@pytest.mark.requirement("9111§4.3.3 other-5xx-are-passed-on")
def test_a_full_response_is_used():
    assert judged((ONE,), response(200, ETag='"9"')) == UseFull()
    assert judged((ONE,), response(404)) == UseFull()
    assert judged((ONE,), response(501)) == UseFull()


FAILURES = [
    ("nothing allows stale", {"Cache_Control": "max-age=60"}, {}, Standing.GOOD, False),
    (
        "stale-if-error of the response",
        {"Cache_Control": "max-age=60, stale-if-error=41"},
        {},
        Standing.GOOD,
        True,
    ),
    ("its window over", {"Cache_Control": "max-age=60, stale-if-error=40"}, {}, Standing.GOOD, False),
    (
        "stale-if-error of the request",
        {"Cache_Control": "max-age=60"},
        {"Cache_Control": "stale-if-error=99"},
        Standing.GOOD,
        True,
    ),
    (
        "max-stale of the request",
        {"Cache_Control": "max-age=60"},
        {"Cache_Control": "max-stale"},
        Standing.GOOD,
        True,
    ),
    (
        "must-revalidate forbids (§5.2.2.2)",
        {"Cache_Control": "max-age=60, must-revalidate, stale-if-error=999"},
        {},
        Standing.GOOD,
        False,
    ),
    (
        "s-maxage forbids (§5.2.2.10)",
        {"Cache_Control": "s-maxage=60, stale-if-error=999"},
        {},
        Standing.GOOD,
        False,
    ),
    (
        "soft-purged may stand in",
        {"Cache_Control": "max-age=60, stale-if-error=999"},
        {},
        Standing.SOFT,
        True,
    ),
    ("invalidated may not", {"Cache_Control": "max-age=60, stale-if-error=999"}, {}, Standing.INVALID, False),
    ("unproven may not", {"Cache_Control": "max-age=60, stale-if-error=999"}, {}, Standing.UNPROVEN, False),
    ("cut off may not", {"Cache_Control": "max-age=60, stale-if-error=999"}, {}, Standing.CUT_OFF, False),
    ("tolerated may", {"Cache_Control": "max-age=60, stale-if-error=999"}, {}, Standing.TOLERATED, True),
    (
        "soft-purged and fresh needs stale-if-error, too",
        {"Cache_Control": "max-age=600"},
        {},
        Standing.SOFT,
        False,
    ),
    (
        "soft-purged is not for max-stale",
        {"Cache_Control": "max-age=60"},
        {"Cache_Control": "max-stale"},
        Standing.SOFT,
        False,
    ),
    ("fresh needs no permission", {"Cache_Control": "max-age=600"}, {}, Standing.GOOD, True),
    (
        "max-stale over",
        {"Cache_Control": "max-age=60"},
        {"Cache_Control": "max-stale=39"},
        Standing.GOOD,
        False,
    ),
    (
        "proxy-revalidate forbids (§5.2.2.8)",
        {"Cache_Control": "max-age=60, proxy-revalidate, stale-if-error=999"},
        {},
        Standing.GOOD,
        False,
    ),
    (
        "no-cache forbids (§5.2.2.4)",
        {"Cache_Control": "max-age=600, no-cache, stale-if-error=999"},
        {},
        Standing.GOOD,
        False,
    ),
    (
        "private is for nobody (§5.2.2.7)",
        {"Cache_Control": "max-age=600, private, stale-if-error=999"},
        {},
        Standing.GOOD,
        False,
    ),
    (
        "request no-cache",
        {"Cache_Control": "max-age=60, stale-if-error=999"},
        {"Cache_Control": "no-cache"},
        Standing.GOOD,
        False,
    ),
    ("a targeted window", {"CDN_Cache_Control": "max-age=60, stale-if-error=41"}, {}, Standing.GOOD, True),
    ("gone may not", {"Cache_Control": "max-age=60, stale-if-error=999"}, {}, Standing.GONE, False),
]


@pytest.mark.requirement("9111§4.2.4 stale-only-when-permitted")
@pytest.mark.requirement("9111§4.2.4 stale-never-when-prohibited")
@pytest.mark.requirement("9111§5.2.2.2 must-revalidate-also-when-disconnected")
@pytest.mark.requirement("5861§4 stale-if-error-within-its-window")
@pytest.mark.parametrize(
    ("fields", "asked", "standing", "stale"), [c[1:] for c in FAILURES], ids=[c[0] for c in FAILURES]
)
def test_whether_a_stored_response_stands_in_for_a_next_hop_that_failed(fields, asked, standing, stale):
    outcome = decide_failure(get(**asked), Candidate(stored(**fields), standing), NOW, POLICY)
    assert isinstance(outcome, ServeStale) is stale


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_5xx_while_validating_counts_as_a_failure(status):
    held = stored(Cache_Control="max-age=60, stale-if-error=999")
    assert isinstance(judged((held,), response(status)), ServeStale)
    assert judged((BARE,), response(status)) == PassFailure()
    for standing in (Standing.INVALID, Standing.UNPROVEN, Standing.GONE):
        assert (
            decide_validation(get(), (held,), response(status), NOW, NOW, POLICY, standing) == PassFailure()
        )


def test_nothing_stored_stands_in_for_nothing():
    assert decide_failure(get(), None, NOW, POLICY) == PassFailure()
