"""Selecting by Vary (RFC 9111 §4.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields
from httpcache.rules.decisions import Candidate
from httpcache.rules.vary import matches, normal_value, select, selecting_fields, vary_names
from tests.rules.things import get, lines, stored

SAME = [
    ("accept-encoding", "gzip, br", "br,gzip"),
    ("accept-encoding", "GZIP", "gzip;q=1.0"),
    ("accept-language", "de, en;q=0.5", "en;q=0.50 , DE"),
    ("accept", "text/html, */*;q=0.1", "*/*;q=0.1,text/html"),
    ("accept", "Text/HTML;Q=0.5", "text/html; q=0.5"),
    ("accept-charset", "utf-8, ISO-8859-1;q=0.5", "iso-8859-1;q=0.500,UTF-8"),
    ("x-any", "a,  b c", "a , b c"),
    ("x-any", "1, 2", "1,2"),
]
DIFFERENT = [
    ("accept-encoding", "gzip", "br"),
    ("accept-language", "de, en;q=0.5", "en, de;q=0.5"),
    ("x-any", "a, b", "b, a"),
    ("x-any", "A", "a"),
    ("x-any", "b c", "b  c"),
    ("x-any", '"a,b"', '"a, b"'),
    ("accept", 'a/b;p="x Y"', 'a/b;p="x y"'),
    ("accept", "a/b;p=X", "a/b;p=x"),
    ("accept-encoding", "gzip", "gzip;q=0"),
    ("accept-encoding", "", "identity"),
    ("cookie", "a=1", "a=2"),
]


@pytest.mark.requirement("9111§4.1 normalise-only-where-the-meaning-is-the-same")
@pytest.mark.parametrize(("name", "one", "other"), SAME)
def test_two_spellings_of_one_meaning_are_one_variant(name, one, other):
    assert normal_value(name, one) == normal_value(name, other)


@pytest.mark.requirement("9111§4.1 normalise-only-where-the-meaning-is-the-same")
@pytest.mark.parametrize(("name", "one", "other"), DIFFERENT)
def test_what_may_mean_something_else_is_another_variant(name, one, other):
    assert normal_value(name, one) != normal_value(name, other)


@pytest.mark.requirement("9111§4.1 absent-matches-only-absent")
def test_a_field_that_was_missing_must_be_missing_again():
    one = stored(Vary="Accept-Language")
    assert matches(one, get().fields)
    assert not matches(one, get(Accept_Language="de").fields)


@pytest.mark.requirement("9111§4.1 star-never-matches")
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


LANGUAGES = [
    ("the favourite is the language of the response", "fr;q=0.5, de;q=1.0", "de", True),
    ("whatever its case", "DE", "de", True),
    ("a favourite that shares its weight is none", "fr, de", "de", False),
    ("second choice is not enough", "fr, de;q=0.9", "de", False),
    ("any language is no favourite", "*", "de", False),
    ("a refused language", "de;q=0", "de", False),
    ("a language of another region", "de-AT", "de", False),
    ("a response in two languages", "de", "de, en", False),
    ("a response that does not say", "de", None, False),
]


@pytest.mark.requirement("9111§4.1 preference-may-choose-by-language")
@pytest.mark.parametrize(
    ("asked", "language", "selected"), [c[1:] for c in LANGUAGES], ids=[c[0] for c in LANGUAGES]
)
def test_a_response_in_the_language_that_is_asked_for_before_all_matches(asked, language, selected):
    fields = {"Vary": "Accept-Language"} | ({"Content_Language": language} if language else {})
    one = stored(request=get(Accept_Language="en, it"), **fields)
    assert matches(one, get(Accept_Language=asked).fields) is selected
    assert not matches(one, get().fields)


def test_the_very_value_comes_before_the_language():
    by_value = stored(received=1000.0, request=get(Accept_Language="de;q=0.8"), Vary="Accept-Language")
    by_language = stored(
        received=2000.0, request=get(Accept_Language="en"), Vary="Accept-Language", Content_Language="de"
    )
    chosen = select([Candidate(by_language), Candidate(by_value)], get(Accept_Language="de;q=0.8"))
    assert [one.stored for one in chosen] == [by_value, by_language]


@pytest.mark.requirement("9111§4.1 every-nominated-field-must-match")
def test_every_field_that_vary_names_counts_over_all_its_lines():
    asked = get(Accept_Language="de", X_A="1")
    one = stored(request=asked, Vary="Accept-Language, X-A")
    assert matches(one, asked.fields)
    assert not matches(one, get(Accept_Language="de").fields)
    assert not matches(one, get(Accept_Language="de", X_A="2").fields)
    two = stored(request=get(X_A="1, 2"), Vary="X-A")
    assert matches(two, Fields([("X-A", "1"), ("x-a", "2")]))


PAIRS = [("X-A", "1"), ("X-B", "2"), ("Accept-Language", "3")]


@given(st.permutations(["X-A", "X-B", "Accept-Language", "accept-encoding"]), st.permutations(PAIRS))
def test_selection_does_not_change_with_the_order_of_fields_and_names(names, pairs):
    known = vary_names(lines(Vary=",".join(names)))
    assert known == ("accept-encoding", "accept-language", "x-a", "x-b")
    assert selecting_fields(Fields(pairs), known) == selecting_fields(Fields(PAIRS), known)


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
