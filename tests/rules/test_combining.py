"""Storing, combining and completing parts (RFC 9111 §3.3, §3.4)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Form
from httpcache.rules.combining import (
    ContentRange,
    combine,
    completion,
    decide_storing_part,
    is_rest,
    parse_content_range,
)
from httpcache.rules.decisions import DoNotStore, NotStoredReason, StorePart
from tests.rules.things import NOW, POLICY, RECEIVED, get, response, stored

ASKED = get(Range="bytes=10-19")
PART = {
    "Content_Range": "bytes 10-19/100",
    "Cache_Control": "max-age=60",
    "ETag": '"1"',
    "Content_Length": "10",
}
HELD = replace(
    stored(ETag='"1"', Cache_Control="max-age=60", Content_Length="100", X="old"),
    forms=(Form("", "id", 100, ((10, 20),)),),
)

RANGES = [
    ("bytes 0-9/100", ContentRange((0, 10), 100)),
    ("BYTES  99-99/100", ContentRange((99, 100), 100)),
    ("bytes 0-100/100", None),
    ("bytes 9-0/100", None),
    ("bytes 0-9/*", None),
    ("bytes */100", None),
    ("lines 0-9/100", None),
    ("bytes=0-9/100", None),
    ("bytes 0-9/100, bytes 20-29/100", None),
    ("", None),
    (None, None),
]


@pytest.mark.requirement("9111§3.3 range-units-that-are-not-understood-are-not-stored")
@pytest.mark.parametrize(("text", "expected"), RANGES)
def test_content_range(text, expected):
    assert parse_content_range(text) == expected


@given(st.text())
def test_any_text_is_a_content_range_or_none(text):
    assert parse_content_range(text) is None


@pytest.mark.requirement("9111§3.3 partial-is-stored-as-an-incomplete-200")
def test_a_part_is_stored_with_the_length_of_the_whole_and_without_its_range():
    decision = decide_storing_part(ASKED, response(206, **PART), RECEIVED, POLICY)
    assert isinstance(decision, StorePart)
    assert (decision.span, decision.length) == ((10, 20), 100)
    assert "content-range" not in decision.store.fields
    assert decision.store.fields.all("content-length") == ("100",)


REFUSED = [
    ("no range was asked for", get(), {}, NotStoredReason.PARTIAL),
    ("the whole length is unknown", ASKED, {"Content_Range": "bytes 10-19/*"}, NotStoredReason.PARTIAL),
    ("several ranges", ASKED, {"Content_Range": ""}, NotStoredReason.PARTIAL),
    ("what holds for a whole holds for a part", ASKED, {"Cache_Control": "private"}, NotStoredReason.PRIVATE),
    ("no lifetime, no validator", ASKED, {"Cache_Control": "x", "ETag": ""}, NotStoredReason.NO_FRESHNESS_NOR_VALIDATOR),
]  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "fields", "reason"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_what_part_is_not_stored(request_, fields, reason):
    assert decide_storing_part(request_, response(206, **PART | fields), RECEIVED, POLICY) == DoNotStore(
        reason
    )


@pytest.mark.requirement("9111§3.4 combining-updates-the-stored-fields")
def test_a_part_of_the_same_representation_adds_its_octets_and_updates_the_fields():
    one = combine(HELD, response(206, **PART | {"Content_Range": "bytes 20-29/100", "X": "new"}), NOW, NOW)
    assert one is not None
    assert one.forms[0].held == ((10, 30),)
    assert (one.fields.get("x"), one.fields.get("content-length")) == ("new", "100")
    assert "content-range" not in one.fields
    assert (one.status, one.response_time) == (200, NOW)


NOT_COMBINED = [
    ("another tag", {"ETag": '"2"'}),
    ("a weak tag", {"ETag": 'W/"1"'}),
    ("no tag", {"ETag": ""}),
    ("another length", {"Content_Range": "bytes 20-29/101"}),
    ("no range", {"Content_Range": "bytes */100"}),
]


@pytest.mark.requirement("9111§3.4 combine-only-with-the-same-strong-validator")
@pytest.mark.parametrize("fields", [c[1] for c in NOT_COMBINED], ids=[c[0] for c in NOT_COMBINED])
def test_parts_of_what_may_be_another_representation_are_not_combined(fields):
    head = response(206, **PART | {"Content_Range": "bytes 20-29/100"} | fields)
    assert combine(HELD, head, NOW, NOW) is None


def test_a_whole_response_is_no_part():
    assert combine(HELD, response(200, **PART), NOW, NOW) is None


@pytest.mark.requirement("9111§4.3.1 send-entity-tags")
def test_the_rest_is_asked_for_only_if_it_is_of_the_same_representation():
    assert dict(completion(HELD.fields, (20, 100))) == {"Range": "bytes=20-99", "If-Range": '"1"'}
    assert completion(stored(ETag='W/"1"').fields, (20, 100)) == ()


CONTINUES = [
    ("the octets that were asked for", {}, True),
    ("other octets", {"Content_Range": "bytes 10-18/100"}, False),
    ("of another length", {"Content_Range": "bytes 10-19/101"}, False),
    ("another tag", {"ETag": '"2"'}, False),
    ("a weak tag", {"ETag": 'W/"1"'}, False),
    ("no tag", {"ETag": ""}, False),
    ("no range", {"Content_Range": ""}, False),
]


@pytest.mark.parametrize(
    ("fields", "goes_on"), [row[1:] for row in CONTINUES], ids=[row[0] for row in CONTINUES]
)
def test_the_rest_of_a_body_is_known_by_its_strong_tag_its_place_and_its_length(fields, goes_on):
    head = response(206, **{**PART, **fields})
    assert is_rest(HELD.fields, 100, (10, 20), head) is goes_on
    assert not is_rest(stored(ETag='W/"1"').fields, 100, (10, 20), head)
    assert not is_rest(HELD.fields, 100, (10, 20), replace(head, status=200))
