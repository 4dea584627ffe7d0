"""What a 304 or a HEAD updates of a stored response, and what never (RFC 9111 §3.2, §4.3.4, §4.3.5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields, ResponseHead
from httpcache.rules.forwarding import HOP_BY_HOP, connection_options
from httpcache.rules.freshness import current_age
from httpcache.rules.validation import freshen, freshen_by_head
from tests.rules.things import NOW, lines, response, stored

LM = "Sun, 06 Nov 1994 08:49:37 GMT"
ONE = stored(ETag='"1"', Last_Modified=LM)


@pytest.mark.requirement("9110§6.6.1 time-of-receipt-stands-in-for-date")
def test_a_304_without_a_date_is_as_young_as_its_receipt():
    old = stored(ETag='"1"', Cache_Control="max-age=60", received=NOW - 900)
    new = freshen(old, ResponseHead(304, lines(ETag='"1"')), NOW, NOW)
    assert current_age(new, NOW) == 0
    assert len(new.fields.all("date")) == 1


def test_a_cookie_of_a_304_is_not_stored():
    assert "set-cookie" not in freshen(ONE, response(304, Set_Cookie="a=b"), NOW, NOW).fields


def test_fields_that_a_304_newly_reserves_are_dropped():
    old = stored(ETag='"1"', X_User="1", X_Kept="2")
    new = freshen(old, response(304, Cache_Control='max-age=9, private="x-user"'), NOW, NOW)
    assert (new.fields.get("x-user"), new.fields.get("x-kept")) == (None, "2")


@pytest.mark.requirement("9111§3.2 update-stored-fields")
@pytest.mark.requirement("9111§3.2 content-length-is-never-updated")
@pytest.mark.requirement("9111§4.3.4 identified-responses-are-updated")
def test_freshening_replaces_fields_but_never_what_the_stored_content_depends_on():
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
        "c/d",
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
    ("a weak tag for a strong one", {"ETag": 'W/"1"'}, "invalid"),
    ("another date", {"Last_Modified": "Sun, 06 Nov 1994 08:49:38 GMT"}, "invalid"),
    ("a length that is no number", {"Content_Length": "ten"}, "invalid"),
]


@pytest.mark.requirement("9111§4.3.5 head-updates-or-invalidates")
@pytest.mark.parametrize(("fields", "expected"), [c[1:] for c in HEADS], ids=[c[0] for c in HEADS])
def test_what_a_head_makes_of_a_stored_get(fields, expected):
    outcome = freshen_by_head(ONE, response(200, **fields), NOW, NOW)
    assert ("invalid" if outcome is None else "updated") == expected


def test_a_head_that_failed_changes_nothing():
    assert freshen_by_head(ONE, response(500), NOW, NOW) is ONE


FORBIDDEN = [
    pytest.param({"Cache_Control": "private"}, id="private (§5.2.2.7)"),
    pytest.param({"Cache_Control": "max-age=60, no-store"}, id="no-store (§5.2.2.5)"),
    pytest.param({"Vary": "*"}, id="Vary: * (§4.1)"),
    pytest.param({"Vary": "Accept-Language"}, id="a Vary that the stored response was not selected by"),
]


@pytest.mark.parametrize("fields", FORBIDDEN)
def test_a_head_that_must_not_be_stored_makes_the_stored_get_invalid(fields):
    assert freshen_by_head(ONE, response(200, ETag='"1"', **fields), NOW, NOW) is None


NAME = st.sampled_from(
    ["Connection", "X-Y", "Cache-Control", "Date", "Age", "Set-Cookie", "TE", "Content-Length"]
)
VALUE = st.one_of(st.text(max_size=9), st.sampled_from(["x-y, close", "private=x-y", "max-age=9", "7"]))


@given(st.lists(st.tuples(NAME, VALUE), max_size=6))
def test_whatever_freshens_a_stored_response_gives_it_no_field_of_a_connection_and_no_cookie(pairs):
    new = freshen(ONE, ResponseHead(304, Fields(pairs)), NOW, NOW)
    assert not new.fields.names() & (HOP_BY_HOP | {"set-cookie", "content-length"})
    for name in connection_options(Fields(pairs)) - {"date", "age"}:
        assert new.fields.all(name) in (ONE.fields.all(name), ())
    assert len(new.fields.all("date")) >= 1
    assert current_age(new, NOW) >= 0
