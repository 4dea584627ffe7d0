"""Byte ranges (RFC 9110 §14)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.rules.ranges import (
    MOST_RANGES,
    Ranges,
    Unsatisfiable,
    Whole,
    content_range,
    decide_range,
    multipart,
)
from tests.rules.things import NOW, get, response

LM = "Sun, 06 Nov 1994 08:49:37 GMT"
HUGE = "9" * 5000

first_and_last = pytest.mark.requirement("9110§14.1.2 byte-ranges")
not_valid = pytest.mark.requirement("9110§14.2 invalid-range-ignored")
not_satisfiable = pytest.mark.requirement("9110§15.5.17 unsatisfiable-range-is-416")
no_overflow = pytest.mark.requirement("9110§14.1.2 large-numbers-do-not-overflow")
other_unit = pytest.mark.requirement("9110§14.2 unknown-range-unit-ignored")
limits = pytest.mark.requirement("9110§17.15 egregious-ranges-limited")


def row(name: str, value: str, expected: object, *marks: pytest.MarkDecorator) -> object:
    return pytest.param(value, expected, id=name, marks=marks)


# Of a representation of 10 bytes.
CASES = [
    row("first and last", "bytes=2-4", Ranges(((2, 5),)), first_and_last),
    row("open", "bytes=7-", Ranges(((7, 10),)), first_and_last),
    row("a suffix", "bytes=-3", Ranges(((7, 10),)), first_and_last),
    row("a suffix longer than all is all", "bytes=-30", Ranges(((0, 10),)), first_and_last),
    row("a last position beyond the end is cut", "bytes=8-99", Ranges(((8, 10),)), first_and_last),
    row("the first octet alone", "bytes=0-0", Ranges(((0, 1),)), first_and_last),
    row("the unit's case does not matter (14.1)", "Bytes=0-0", Ranges(((0, 1),)), first_and_last),
    row("leading zeros", "bytes=" + "0" * 30 + "2-" + "0" * 30 + "4", Ranges(((2, 5),)), first_and_last),
    row("white space and empty members in the list (5.6.1)", "bytes= ,0-1 ,\t, 5-6,", Ranges(((0, 2), (5, 7))), first_and_last),
    row("several", "bytes=0-1, 5-6", Ranges(((0, 2), (5, 7)))),
    row("several in the order asked for (15.3.7.2)", "bytes=5-6,0-1", Ranges(((5, 7), (0, 2))), pytest.mark.requirement("9110§15.3.7.2 parts-in-the-order-asked-for")),
    row("one of two satisfiable", "bytes=50-, 1-2", Ranges(((1, 3),)), not_satisfiable),
    row("none satisfiable", "bytes=10-", Unsatisfiable(), not_satisfiable),
    row("none of two satisfiable", "bytes=10-,11-12", Unsatisfiable(), not_satisfiable),
    row("a suffix of nothing", "bytes=-0", Unsatisfiable(), not_satisfiable),
    row("a huge last position", f"bytes=8-{HUGE}", Ranges(((8, 10),)), no_overflow),
    row("a huge first position", f"bytes={HUGE}-", Unsatisfiable(), no_overflow),
    row("a huge first and last position", f"bytes={HUGE}-{HUGE}", Unsatisfiable(), no_overflow),
    row("a huge suffix", f"bytes=-{HUGE}", Ranges(((0, 10),)), no_overflow),
    row("last before first", "bytes=4-2", Whole(), not_valid),
    row("last before first beside a range", "bytes=0-1,4-2", Whole(), not_valid),
    row("no range", "bytes=", Whole(), not_valid),
    row("a hyphen alone", "bytes=-", Whole(), not_valid),
    row("letters", "bytes=a-b", Whole(), not_valid),
    row("rubbish beside a range", "bytes=0-1,x", Whole(), not_valid),
    row("a sign", "bytes=+0-1", Whole(), not_valid),
    row("two hyphens", "bytes=0--1", Whole(), not_valid),
    row("white space within a range", "bytes=0 - 1", Whole(), not_valid),
    row("white space before =", "bytes =0-1", Whole(), not_valid),
    row("digits of another script", "bytes=٠-١", Whole(), not_valid),
    row("no unit", "0-1", Whole(), not_valid),
    row("another unit", "lines=0-1", Whole(), other_unit),
    row("a unit that begins with ours", "bytesx=0-1", Whole(), other_unit),
    row("overlapping ones become one", "bytes=0-4,3-6", Ranges(((0, 7),)), limits),
    row("touching ones become one", "bytes=0-4,5-6", Ranges(((0, 7),)), limits),
    row("three that chain become one", "bytes=0-1,4-5,1-4", Ranges(((0, 6),)), limits),
    row("all, a hundred times, is all once", "bytes=" + ",".join(["0-"] * 100), Ranges(((0, 10),)), limits),
    row("too many to look at", "bytes=" + ",".join(["0-"] * (4 * MOST_RANGES + 1)), Whole(), limits),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), CASES)
def test_decide_range(value, expected):
    assert decide_range(get(Range=value), response(), 10, NOW) == expected


@limits
@pytest.mark.parametrize(("asked", "some"), [(MOST_RANGES, True), (MOST_RANGES + 1, False)])
def test_more_than_so_many_small_ranges_are_not_served(asked, some):
    value = "bytes=" + ",".join(f"{3 * n}-{3 * n}" for n in range(asked))
    assert isinstance(decide_range(get(Range=value), response(), 1000, NOW), Ranges) is some


@pytest.mark.requirement("9110§14.2 range-only-for-get-and-200")
@pytest.mark.parametrize(
    ("method", "status", "length"),
    [
        pytest.param("HEAD", 200, 10, id="HEAD"),
        pytest.param("GET", 404, 10, id="another status"),
        pytest.param("GET", 203, 10, id="another success"),
        pytest.param("GET", 200, None, id="a length not yet known"),
        pytest.param("GET", 200, 0, id="no octets"),
    ],
)
def test_a_range_is_ignored_for(method, status, length):
    assert decide_range(get(method, Range="bytes=-1"), response(status), length, NOW) == Whole()


IF_RANGE = [
    ("the strong tag", '"1"', {"ETag": '"1"'}, True),
    ("another tag", '"2"', {"ETag": '"1"'}, False),
    ("a weak tag never", 'W/"1"', {"ETag": 'W/"1"'}, False),
    ("a strong tag of a weak one", '"1"', {"ETag": 'W/"1"'}, False),
    ("a list of tags is no tag", '"1", "2"', {"ETag": '"1"'}, False),
    ("a tag where there is none", '"1"', {}, False),
    ("* is no tag", "*", {"ETag": '"1"'}, False),
    ("nothing", "", {"ETag": '"1"'}, False),
    ("the exact date", LM, {"Last_Modified": LM}, True),
    ("the exact date in another form", "Sunday, 06-Nov-94 08:49:37 GMT", {"Last_Modified": LM}, True),
    ("an earlier date", "Sun, 06 Nov 1994 08:49:36 GMT", {"Last_Modified": LM}, False),
    ("a later date does not do", "Sun, 06 Nov 1994 08:49:38 GMT", {"Last_Modified": LM}, False),
    ("a date that is no strong validator (8.8.2.2)", LM, {"Last_Modified": LM, "Date": LM}, False),
    ("a date where there is none", LM, {}, False),
    ("no date", "yesterday", {"Last_Modified": "yesterday"}, False),
]  # fmt: skip


@pytest.mark.requirement("9110§13.1.5 if-range-strong")
@pytest.mark.parametrize(
    ("value", "fields", "holds"), [c[1:] for c in IF_RANGE], ids=[c[0] for c in IF_RANGE]
)
def test_if_range(value, fields, holds):
    decision = decide_range(get(Range="bytes=0-1", If_Range=value), response(**fields), 10, NOW)
    assert decision == (Ranges(((0, 2),)) if holds else Whole())


@pytest.mark.requirement("9110§13.1.5 if-range-without-range-ignored")
def test_if_range_means_nothing_without_range():
    assert decide_range(get(If_Range='"1"'), response(ETag='"1"'), 10, NOW) == Whole()


SPEC = st.one_of(
    st.tuples(st.integers(0, 300), st.integers(0, 300)).map(lambda p: f"{p[0]}-{p[1]}"),
    st.integers(0, 300).map(lambda n: f"-{n}"),
    st.integers(0, 300).map(lambda n: f"{n}-"),
    st.text(max_size=5),
)


@given(st.lists(SPEC, max_size=140), st.integers(0, 200))
def test_ranges_lie_within_and_never_send_more_than_everything(specs, length):
    decision = decide_range(get(Range="bytes=" + ",".join(specs)), response(), length, NOW)
    if isinstance(decision, Ranges):
        assert all(0 <= first < end <= length for first, end in decision.spans)
        assert sum(end - first for first, end in decision.spans) <= length
        ordered = sorted(decision.spans)
        assert all(one[1] < other[0] for one, other in itertools.pairwise(ordered))


@given(st.text(), st.text(), st.integers(0, 200))
def test_any_text_is_decided(value, if_range, length):
    for text in (value, f"bytes={value}"):
        request = get(Range=text, If_Range=if_range)
        assert isinstance(
            decide_range(request, response(ETag='"1"'), length, NOW), Ranges | Whole | Unsatisfiable
        )


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(1, 50)), min_size=1, max_size=8), st.text() | st.none()
)
def test_the_parts_of_several_ranges_add_up(pairs, content_type):
    spans = tuple((first, first + size) for first, size in pairs)
    parts, length = multipart(spans, 500, content_type, "B")
    text = b"".join(
        part.before + (b"x" * (part.span[1] - part.span[0]) if part.span else b"") for part in parts
    )
    assert len(text) == length
    assert text.endswith(b"\r\n--B--\r\n")
    assert tuple(part.span for part in parts) == (*spans, None)


@pytest.mark.requirement("9110§15.3.7.2 each-part-has-its-own-range-and-type")
def test_each_part_tells_its_range_and_type():
    parts, _ = multipart(((0, 2), (5, 7)), 10, "text/plain", "B")
    assert [part.before for part in parts] == [
        b"\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n",
        b"\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-6/10\r\n\r\n",
        b"\r\n--B--\r\n",
    ]
    bare, _ = multipart(((0, 2),), 10, None, "B")
    assert bare[0].before == b"\r\n--B\r\nContent-Range: bytes 0-1/10\r\n\r\n"


@pytest.mark.requirement("9110§14.4 content-range-with-complete-length")
def test_content_range_tells_first_last_and_complete_length():
    assert content_range((5, 7), 10) == "bytes 5-6/10"
