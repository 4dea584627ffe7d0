"""Conditions of clients on a stored representation (RFC 9110 §13, RFC 9111 §4.3.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.rules.preconditions import Precondition, decide_precondition, is_for_origin
from tests.rules.things import NOW, get, response

OLDEST, OLD, NEW = (f"Sun, 06 Nov 1994 08:49:3{n} GMT" for n in (6, 7, 8))
TAGGED = {"ETag": '"1"', "Last_Modified": OLD}
WEAK = {"ETag": 'W/"1"'}

weakly = pytest.mark.requirement("9110§13.1.2 if-none-match-weak-comparison")
since = pytest.mark.requirement("9110§13.1.3 if-modified-since")
invalid_date = pytest.mark.requirement("9110§13.1.3 invalid-date-ignored")
rules_out = pytest.mark.requirement("9110§13.1.3 if-none-match-rules-it-out")
by_date = pytest.mark.requirement("9111§4.3.2 date-serves-where-last-modified-is-missing")
strongly = pytest.mark.requirement("9110§13.1.1 if-match-strong-comparison")
unmodified = pytest.mark.requirement("9110§13.1.4 if-unmodified-since")
order = pytest.mark.requirement("9110§13.2.2 precedence-of-conditions")


def row(name, conditions, fields, expected, *marks):
    return pytest.param(conditions, fields, expected, id=name, marks=marks)


CASES = [
    row("no condition", {}, TAGGED, "proceed"),
    row("the tag", {"If_None_Match": '"1"'}, TAGGED, "not-modified", weakly),
    row("a weak form of the tag", {"If_None_Match": 'W/"1"'}, TAGGED, "not-modified", weakly),
    row("a strong form of a weak tag", {"If_None_Match": '"1"'}, WEAK, "not-modified", weakly),
    row("both weak", {"If_None_Match": 'W/"1"'}, WEAK, "not-modified", weakly),
    row("a list with the tag", {"If_None_Match": '"0", "1"'}, TAGGED, "not-modified", weakly),
    row("a list with a weak form of the tag", {"If_None_Match": '"0" ,, W/"1",'}, TAGGED, "not-modified", weakly),
    row("a tag with a comma in it", {"If_None_Match": '"a,b"'}, {"ETag": '"a,b"'}, "not-modified", weakly),
    row("a tag within another is none", {"If_None_Match": '"a,"1",b"'}, {"ETag": '"b"'}, "proceed", weakly),
    row("another tag", {"If_None_Match": '"2"'}, TAGGED, "proceed", weakly),
    row("tags differ by case", {"If_None_Match": '"A"'}, {"ETag": '"a"'}, "proceed", weakly),
    row("the W of a weak tag is a capital", {"If_None_Match": 'w/"1"'}, TAGGED, "proceed", weakly),
    row("a tag without quotes is none", {"If_None_Match": "1"}, {"ETag": "1"}, "proceed", weakly),
    row("no tag at all", {"If_None_Match": ""}, TAGGED, "proceed", weakly),
    row("any tag", {"If_None_Match": "*"}, TAGGED, "not-modified", weakly),
    row("any tag where none is stored: there is a representation", {"If_None_Match": "*"}, {}, "not-modified", weakly),
    row("a star among tags is none", {"If_None_Match": '*, "2"'}, TAGGED, "proceed", weakly),
    row("a tag where none is stored", {"If_None_Match": '"1"'}, {"Last_Modified": OLD}, "proceed", weakly),
    row("not modified since that moment", {"If_Modified_Since": OLD}, TAGGED, "not-modified", since),
    row("not modified since later", {"If_Modified_Since": NEW}, TAGGED, "not-modified", since),
    row("modified since", {"If_Modified_Since": OLDEST}, TAGGED, "proceed", since),
    row("the date in the second form", {"If_Modified_Since": "Sunday, 06-Nov-94 08:49:37 GMT"}, TAGGED, "not-modified", since),
    row("the date in the third form", {"If_Modified_Since": "Sun Nov  6 08:49:37 1994"}, TAGGED, "not-modified", since),
    row("a date that is none", {"If_Modified_Since": "0"}, TAGGED, "proceed", invalid_date),
    row("two dates", {"If_Modified_Since": f"{NEW}, {NEW}"}, TAGGED, "proceed", invalid_date),
    row("a Last-Modified that is no date", {"If_Modified_Since": NEW}, {"Last_Modified": "then"}, "proceed", invalid_date),
    row("the tag decides, not the date", {"If_None_Match": '"2"', "If_Modified_Since": NEW}, TAGGED, "proceed", rules_out, order),
    row("the tag decides, not the older date", {"If_None_Match": '"1"', "If_Modified_Since": OLDEST}, TAGGED, "not-modified", rules_out, order),
    row("Date serves", {"If_Modified_Since": "Sat, 06 Nov 2094 08:49:38 GMT"}, {}, "not-modified", by_date),
    row("Date is later than that", {"If_Modified_Since": NEW}, {}, "proceed", by_date),
    row("Last-Modified is asked before Date", {"If_Modified_Since": NEW}, {"Last_Modified": OLD}, "not-modified", by_date),
    row("If-Match with the tag", {"If_Match": '"1"'}, TAGGED, "proceed", strongly),
    row("If-Match with a list", {"If_Match": '"0", "1"'}, TAGGED, "proceed", strongly),
    row("If-Match with another", {"If_Match": '"2"'}, TAGGED, "failed", strongly),
    row("If-Match with a weak tag", {"If_Match": 'W/"1"'}, WEAK, "failed", strongly),
    row("If-Match with any", {"If_Match": "*"}, {}, "proceed", strongly),
    row("If-Match where there is no tag", {"If_Match": '"1"'}, {}, "failed", strongly),
    row("unmodified since", {"If_Unmodified_Since": OLD}, TAGGED, "proceed", unmodified),
    row("modified meanwhile", {"If_Unmodified_Since": OLDEST}, TAGGED, "failed", unmodified),
    row("no modification date to compare with", {"If_Unmodified_Since": OLDEST}, {}, "proceed", unmodified),
    row("If-Unmodified-Since that is no date", {"If_Unmodified_Since": "0"}, TAGGED, "proceed", unmodified),
    row("If-Match rules If-Unmodified-Since out", {"If_Match": '"1"', "If_Unmodified_Since": OLDEST}, TAGGED, "proceed", unmodified, order),
    row("If-Match before If-None-Match", {"If_Match": '"2"', "If_None_Match": '"1"'}, TAGGED, "failed", order),
    row("both hold: then If-None-Match", {"If_Match": '"1"', "If_None_Match": '"1"'}, TAGGED, "not-modified", order),
    row("If-Unmodified-Since before If-Modified-Since", {"If_Unmodified_Since": OLDEST, "If_Modified_Since": NEW}, TAGGED, "failed", order),
]  # fmt: skip


@pytest.mark.requirement("9111§4.3.2 evaluate-conditions-on-stored")
@pytest.mark.parametrize(("conditions", "fields", "expected"), CASES)
def test_decide_precondition(conditions, fields, expected):
    for method in ("GET", "HEAD"):
        decision = decide_precondition(get(method, **conditions), response(**fields), NOW)
        assert decision is Precondition(expected)


@pytest.mark.requirement("9110§13.2.1 conditions-only-where-2xx")
@pytest.mark.parametrize("status", [301, 304, 404, 412, 500, 503])
@pytest.mark.parametrize("name", ["If_None_Match", "If_Match"])
def test_conditions_count_only_where_the_answer_would_be_2xx(status, name):
    request = get(**{name: "*" if name == "If_None_Match" else '"2"'})
    assert decide_precondition(request, response(status), NOW) is Precondition.PROCEED


@pytest.mark.requirement("9110§13.2.1 conditions-ignored-for-other-methods")
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "POST", "get"])
def test_conditions_count_only_for_methods_that_select(method):
    assert decide_precondition(get(method, If_None_Match="*"), response(), NOW) is Precondition.PROCEED


@pytest.mark.parametrize(
    ("conditions", "origin"),
    [
        pytest.param({"If_Match": '"1"'}, True, id="If-Match"),
        pytest.param({"If_Unmodified_Since": OLD}, True, id="If-Unmodified-Since"),
        pytest.param({"If_Unmodified_Since": "0"}, True, id="a date that is none is the origin's to ignore"),
        pytest.param({"If_None_Match": '"1"', "If_Match": "*"}, True, id="beside another"),
        pytest.param({"If_None_Match": '"1"', "If_Modified_Since": OLD, "If_Range": '"1"'}, False, id="what a cache evaluates"),
        pytest.param({}, False, id="none"),
    ],
)  # fmt: skip
def test_some_conditions_are_for_the_origin_alone(conditions, origin):
    assert is_for_origin(get(**conditions)) is origin


@given(
    st.sampled_from(["If_Match", "If_None_Match", "If_Modified_Since", "If_Unmodified_Since"]),
    st.text(),
    st.text(),
)
def test_any_condition_is_decided(name, text, stored):
    fields = {"ETag": stored, "Last_Modified": stored}
    assert isinstance(decide_precondition(get(**{name: text}), response(**fields), NOW), Precondition)
