"""Cache directives as the real world sends them (RFC 9111 §5.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields
from httpcache.rules.cache_control import (
    RequestDirectives,
    parse_request_directives,
    parse_response_directives,
)
from httpcache.rules.targeted import effective_directives


def of(*values: str):
    return parse_response_directives(Fields([("Cache-Control", value) for value in values]))


def test_directives_of_several_lines_count_together():
    directives = of("max-age=5", "public, Must-Revalidate")
    assert (directives.max_age, directives.public, directives.must_revalidate) == (5, True, True)


@pytest.mark.requirement("9111§5.2.3 unrecognised-directives-ignored")
def test_directives_that_nobody_knows_are_ignored():
    assert of('max-age=5, x-new="a, private", nostore, no-store-please').max_age == 5
    assert not of('x="no-store"').no_store


def test_a_directive_within_a_quoted_string_is_none():
    assert not of('x="a, no-store"').no_store


def test_the_unqualified_form_beside_a_qualified_one_forbids():
    assert of('private="x", private').private
    assert of('no-cache="x"').no_cache_fields == {"x"}
    assert not of('no-cache="x"').no_cache
    assert of('no-cache=""').no_cache


BROKEN = [
    pytest.param('private="x', id="a quote that nothing closes"),
    pytest.param('private="x y"', id="a name with a space"),
    pytest.param('private="x, \\"y"', id="a name with a quote"),
    pytest.param("private=", id="no argument"),
    pytest.param('private= "x"', id="white space after ="),
    pytest.param('private ="x"', id="white space before ="),
    pytest.param("private=;", id="no token"),
    pytest.param('private="x", private="(y)"', id="one good and one bad"),
]


@pytest.mark.requirement("9111§5.2.2.7 private-is-not-stored")
@pytest.mark.parametrize("value", BROKEN)
def test_a_list_of_field_names_that_is_none_forbids_the_whole(value):
    assert of(value).private
    assert of(value.replace("private", "no-cache")).no_cache


WITH_ARGUMENTS = [
    pytest.param("no-store=x", "no_store", True, id="what forbids counts"),
    pytest.param("must-revalidate=1", "must_revalidate", True, id="also must-revalidate"),
    pytest.param("public=x", "public", False, id="what permits does not"),
    pytest.param("must-understand=x", "must_understand", False, id="nor does what overrides no-store"),
    pytest.param("public=x, public", "public", True, id="unless it is there as defined, too"),
    pytest.param("immutable=x", "immutable", True, id="immutable ignores arguments (8246 §2)"),
]


@pytest.mark.parametrize(("value", "name", "expected"), WITH_ARGUMENTS)
def test_arguments_where_none_is_defined(value, name, expected):
    assert getattr(of(value), name) is expected


def test_a_directive_after_a_quote_that_nothing_closes_is_still_obeyed():
    assert of('x="abc, no-store').no_store


REQUESTS = [
    ("max-age=5", RequestDirectives(max_age=5)),
    ("max-stale", RequestDirectives(max_stale=2**31)),
    ("max-stale=9", RequestDirectives(max_stale=9)),
    ("max-stale=x", RequestDirectives(max_stale=0)),
    ("max-stale, max-stale=5", RequestDirectives(max_stale=0)),
    ("max-age=x", RequestDirectives(max_age=0)),
    ("min-fresh=3, min-fresh=7", RequestDirectives(min_fresh=7)),
    (
        "no-cache, no-store, only-if-cached, no-transform",
        RequestDirectives(no_cache=True, no_store=True, only_if_cached=True, no_transform=True),
    ),
]


@pytest.mark.parametrize(("value", "expected"), REQUESTS)
def test_request_directives(value, expected):
    assert parse_request_directives(Fields([("Cache-Control", value)])) == expected


@given(
    st.text(),
    st.sampled_from(["Cache-Control", "CDN-Cache-Control", "Surrogate-Control", "Edgeward-Cache-Control"]),
)
def test_any_text_can_be_read(text, name):
    parse_request_directives(Fields([("Cache-Control", text)]))
    effective_directives(Fields([(name, text)]))
