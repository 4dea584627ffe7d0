"""Lists, weights and entity tags (RFC 9110 §5.6, §8.8.3, §12.4.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.rules import fields

LISTS = [
    ("a, b", ["a", "b"]),
    (" a ,,b, ", ["a", "b"]),
    ('a="x, y", b', ['a="x, y"', "b"]),
    ('"a\\", b", c', ['"a\\", b"', "c"]),
    ("", []),
    ('"', ['"']),
    ('x="abc, no-store', ['x="abc', "no-store"]),
    ('a="b", x="c, d', ['a="b"', 'x="c', "d"]),
    ('"a", "b, c"d, e', ['"a"', '"b, c"d', "e"]),
]


@pytest.mark.parametrize(("text", "members"), LISTS)
def test_a_list_splits_outside_quoted_strings(text, members):
    assert fields.split_list(text) == members


LONG = [
    pytest.param('"\\' * 16_000, id="quotes that escape the next"),
    pytest.param('"' * 32_001, id="quotes alone"),
    pytest.param(',"' * 16_000, id="quotes and commas"),
    pytest.param('W/"' * 10_000, id="tags that never end"),
    pytest.param("a;" * 16_000, id="parameters without end"),
]


@pytest.mark.parametrize("text", LONG)
def test_hostile_text_takes_no_more_than_its_length(text):
    assert len(fields.split_list(text)) <= len(text)
    assert len(fields.parse_entity_tags(text)) <= len(text)
    assert len(fields.parse_quality_list(text)) <= len(text)


WEIGHTS = [
    ("gzip;q=0.5, br", (("gzip", 0.5), ("br", 1.0))),
    ("GZIP ; Q=0.25", (("gzip", 0.25),)),
    ("a;q=2, b;q=x, c;q=1.0001, d;q=", (("a", 0.0), ("b", 0.0), ("c", 0.0), ("d", 0.0))),
    ("*;q=0", (("*", 0.0),)),
]


@pytest.mark.parametrize(("text", "weights"), WEIGHTS)
def test_weights(text, weights):
    assert fields.parse_quality_list(text) == weights


def test_entity_tags():
    assert fields.parse_entity_tags('W/"a", "b,c", x, ""') == (
        fields.EntityTag(True, "a"),
        fields.EntityTag(False, "b,c"),
        fields.EntityTag(False, ""),
    )
    assert fields.parse_entity_tags(r'"ends\", "next"') == (
        fields.EntityTag(False, "ends\\"),
        fields.EntityTag(False, "next"),
    )
    assert fields.parse_entity_tags('x"a", "b"c, w/"d"') == ()
    assert fields.parse_entity_tags("*") is None
    assert fields.parse_entity_tag("a") is None


COMPARED = [
    ('W/"1"', 'W/"1"', False, True),
    ('W/"1"', 'W/"2"', False, False),
    ('W/"1"', '"1"', False, True),
    ('"1"', '"1"', True, True),
]


@pytest.mark.requirement("9110§8.8.3.2 entity-tag-comparison")
@pytest.mark.parametrize(("one", "other", "strongly", "weakly"), COMPARED)
def test_entity_tags_compare_strongly_and_weakly(one, other, strongly, weakly):
    first, second = fields.parse_entity_tag(one), fields.parse_entity_tag(other)
    assert first.matches_strongly(second) is strongly
    assert first.matches_weakly(second) is weakly


@given(st.text())
def test_any_text_can_be_read_and_no_member_is_invented(text):
    for member in fields.split_list(text):
        assert member == member.strip(" \t") != ""
        assert member in text
    fields.parse_quality_list(text)
    fields.parse_entity_tags(text)
    fields.unquote(text)


@pytest.mark.requirement("9110§5.5 control-characters-are-spaces")
@pytest.mark.parametrize(
    ("octets", "value"),
    [
        (b" a\tb ", "a\tb"),
        (b"a\x00b\x01\x7fc\x1f", "a b  c"),
        (b"a\rb\nc", "a b c"),
        ("café".encode(), "café"),
        (b"caf\xe9", "caf\udce9"),
        (b"", ""),
    ],
)
def test_a_field_value_has_no_control_characters_but_tabs(octets, value):
    assert fields.field_value(octets) == value
