"""Conditions of clients on a stored representation (RFC 9110 §13, RFC 9111 §4.3.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.rules.preconditions import Precondition, decide_precondition
from tests.rules.things import NOW, get, response

OLD, NEW = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT"
TAGGED = {"ETag": '"1"', "Last_Modified": OLD}

CASES = [
    ("none", {}, TAGGED, "proceed"),
    ("the tag", {"If_None_Match": '"1"'}, TAGGED, "not-modified"),
    ("a weak form of the tag", {"If_None_Match": 'W/"1"'}, TAGGED, "not-modified"),
    ("a list with the tag", {"If_None_Match": '"0", "1"'}, TAGGED, "not-modified"),
    ("another tag", {"If_None_Match": '"2"'}, TAGGED, "proceed"),
    ("any tag", {"If_None_Match": "*"}, TAGGED, "not-modified"),
    ("a tag where none is stored", {"If_None_Match": '"1"'}, {"Last_Modified": OLD}, "proceed"),
    ("not modified since", {"If_Modified_Since": OLD}, TAGGED, "not-modified"),
    ("modified since", {"If_Modified_Since": OLD}, {"Last_Modified": NEW}, "proceed"),
    (
        "If-None-Match rules If-Modified-Since out (§13.1.3)",
        {"If_None_Match": '"2"', "If_Modified_Since": NEW},
        TAGGED,
        "proceed",
    ),
    (
        "Date serves where Last-Modified is missing (9111 §4.3.2)",
        {"If_Modified_Since": "Sat, 06 Nov 2094 08:49:38 GMT"},
        {},
        "not-modified",
    ),
    ("a date that is none is ignored", {"If_Modified_Since": "0"}, TAGGED, "proceed"),
    ("If-Match with the tag", {"If_Match": '"1"'}, TAGGED, "proceed"),
    ("If-Match with another", {"If_Match": '"2"'}, TAGGED, "failed"),
    ("If-Match compares strongly (§13.1.1)", {"If_Match": 'W/"1"'}, {"ETag": 'W/"1"'}, "failed"),
    ("If-Unmodified-Since that holds", {"If_Unmodified_Since": NEW}, TAGGED, "proceed"),
    ("If-Unmodified-Since that does not", {"If_Unmodified_Since": OLD}, {"Last_Modified": NEW}, "failed"),
    (
        "If-Match rules If-Unmodified-Since out",
        {"If_Match": '"1"', "If_Unmodified_Since": "Sun, 06 Nov 1993 08:49:37 GMT"},
        TAGGED,
        "proceed",
    ),
]


@pytest.mark.requirement("9111§4.3.2 evaluate-conditions-on-stored")
@pytest.mark.requirement("9110§13.2.2 precedence-of-conditions")
@pytest.mark.parametrize(
    ("request_", "fields", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_decide_precondition(request_, fields, expected):
    assert decide_precondition(get(**request_), response(**fields), NOW) is Precondition(expected)


def test_conditions_count_only_where_the_answer_would_be_2xx():
    for status in (301, 404, 500):
        assert decide_precondition(get(If_None_Match="*"), response(status), NOW) is Precondition.PROCEED


@given(st.sampled_from(["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"]), st.text())
def test_any_condition_is_decided(name, text):
    assert isinstance(
        decide_precondition(get(**{name.replace("-", "_"): text}), response(**TAGGED), NOW), Precondition
    )
