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
from httpcache.rules.validation import conditions, decide_failure, decide_validation, freshen, freshen_by_head
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


IDENTIFIED = [
    ("a strong tag names its response", (ONE, TWO), {"ETag": '"2"'}, TWO),
    ("a weak tag names the one it matches", (WEAK, TWO), {"ETag": 'W/"1"'}, WEAK),
    ("Last-Modified names the one it equals", (TWO, ONE), {"Last_Modified": LM}, ONE),
    ("no validator where one was asked about", (ONE,), {}, ONE),
    ("no validator where several were asked about", (ONE, TWO), {}, None),
    ("a strong tag that nothing has", (ONE, TWO), {"ETag": '"3"'}, None),
    ("a strong tag does not name a weak one", (WEAK,), {"ETag": '"1"'}, None),
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
def test_a_full_response_is_used():
    assert judged((ONE,), response(200, ETag='"9"')) == UseFull()
    assert judged((ONE,), response(404)) == UseFull()


@pytest.mark.requirement("9111§3.2 update-stored-fields")
def test_freshening_replaces_fields_but_never_those_of_the_content():
    old = stored(
        ETag='"1"',
        X_Old="1",
        X_Both="old",
        Content_Length="10",
        Content_Type="a/b",
        Age="50",
        Content_Encoding="gzip",
    )
    new = freshen(
        old,
        response(
            304,
            X_Both="new",
            X_New="2",
            Content_Length="0",
            Content_Type="c/d",
            Content_Encoding="br",
            Connection="X-Hop",
            X_Hop="1",
        ),
        NOW,
        NOW,
    )
    assert new.fields.get("x-both") == "new"
    assert (new.fields.get("x-old"), new.fields.get("x-new")) == ("1", "2")
    assert [new.fields.get(name) for name in ("content-length", "content-type", "content-encoding")] == [
        "10",
        "a/b",
        "gzip",
    ]
    assert "age" not in new.fields
    assert not new.fields.names() & {"connection", "x-hop"}
    assert (new.request_time, new.response_time) == (NOW, NOW)


HEADS = [
    ("all agrees", {"ETag": '"1"', "Content_Length": "10"}, "updated"),
    ("nothing is told", {"X": "1"}, "updated"),
    ("another length", {"Content_Length": "11"}, "invalid"),
    ("another tag", {"ETag": '"2"'}, "invalid"),
]


@pytest.mark.requirement("9111§4.3.5 head-updates-or-invalidates")
@pytest.mark.parametrize(("fields", "expected"), [c[1:] for c in HEADS], ids=[c[0] for c in HEADS])
def test_what_a_head_makes_of_a_stored_get(fields, expected):
    outcome = freshen_by_head(ONE, response(200, **fields), NOW, NOW)
    assert ("invalid" if outcome is None else "updated") == expected


def test_a_head_that_failed_changes_nothing():
    assert freshen_by_head(ONE, response(500), NOW, NOW) is ONE


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
    ("gone may not", {"Cache_Control": "max-age=60, stale-if-error=999"}, {}, Standing.GONE, False),
]


@pytest.mark.requirement("9111§4.2.4 stale-only-when-permitted")
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
