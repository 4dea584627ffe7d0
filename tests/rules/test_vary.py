"""Selecting by Vary (RFC 9111 §4.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.rules.decisions import Candidate
from httpcache.rules.vary import matches, normal_value, select, vary_names
from tests.rules.things import get, lines, stored

SAME = [
    ("accept-encoding", "gzip, br", "br,gzip"),
    ("accept-encoding", "GZIP", "gzip;q=1.0"),
    ("accept-language", "de, en;q=0.5", "en;q=0.50 , DE"),
    ("accept", "text/html, */*;q=0.1", "*/*;q=0.1,text/html"),
    ("x-any", "a,  b c", "a , b  c"),
]
DIFFERENT = [
    ("accept-encoding", "gzip", "br"),
    ("accept-language", "de, en;q=0.5", "en, de;q=0.5"),
    ("x-any", "a, b", "b, a"),
    ("x-any", "A", "a"),
    ("cookie", "a=1", "a=2"),
]


@pytest.mark.parametrize(("name", "one", "other"), SAME)
def test_two_spellings_of_one_meaning_are_one_variant(name, one, other):
    assert normal_value(name, one) == normal_value(name, other)


@pytest.mark.parametrize(("name", "one", "other"), DIFFERENT)
def test_what_may_mean_something_else_is_another_variant(name, one, other):
    assert normal_value(name, one) != normal_value(name, other)


@pytest.mark.requirement("9111§4.1 vary-must-match")
def test_a_field_that_was_missing_must_be_missing_again():
    one = stored(Vary="Accept-Language")
    assert matches(one, get().fields)
    assert not matches(one, get(Accept_Language="de").fields)


def test_names_of_several_lines_count_once_and_star_is_none():
    assert vary_names(lines(Vary="B, a, b")) == ("a", "b")
    assert vary_names(lines(Vary="a, *")) is None
    assert vary_names(lines()) == ()


@pytest.mark.requirement("9111§4.1 prefer-response-with-vary")
def test_a_response_with_vary_comes_before_one_without():
    without = stored(received=2000.0)
    with_vary = stored(received=1000.0, request=get(Accept_Language="de"), Vary="Accept-Language")
    chosen = select([Candidate(without), Candidate(with_vary)], get(Accept_Language="de"))
    assert [one.stored for one in chosen] == [with_vary, without]


WEIGHTED = st.lists(
    st.tuples(
        st.sampled_from(["gzip", "br", "zstd", "*", "identity"]), st.sampled_from(["", ";q=0.5", ";q=0"])
    ),
    max_size=5,
)


@given(WEIGHTED, st.randoms())
def test_selection_does_not_change_with_the_order_of_weighted_members(members, chance):
    texts = [name + weight for name, weight in members]
    shuffled = chance.sample(texts, len(texts))
    assert normal_value("accept-encoding", ", ".join(texts)) == normal_value(
        "accept-encoding", ",".join(shuffled)
    )


@given(st.text(), st.text())
def test_normalising_twice_changes_nothing_more(name, value):
    once = normal_value(name.lower(), value)
    assert normal_value(name.lower(), once) == once
