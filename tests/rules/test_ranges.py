"""Byte ranges (RFC 9110 §14)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.rules.ranges import Ranges, Unsatisfiable, Whole, content_range, decide_range, multipart
from tests.rules.things import NOW, get, response

LM = "Sun, 06 Nov 1994 08:49:37 GMT"

CASES = [
    ("first and last", "bytes=2-4", Ranges(((2, 5),))),
    ("open", "bytes=7-", Ranges(((7, 10),))),
    ("suffix", "bytes=-3", Ranges(((7, 10),))),
    ("a suffix longer than all", "bytes=-30", Ranges(((0, 10),))),
    ("beyond the end is cut", "bytes=8-99", Ranges(((8, 10),))),
    ("several", "bytes=0-1, 5-6", Ranges(((0, 2), (5, 7)))),
    ("several in the order asked for", "bytes=5-6,0-1", Ranges(((5, 7), (0, 2)))),
    ("overlapping ones become one", "bytes=0-4,3-6", Ranges(((0, 7),))),
    ("three that chain become one", "bytes=0-1,4-5,1-4", Ranges(((0, 6),))),
    ("one of two satisfiable", "bytes=50-, 1-2", Ranges(((1, 3),))),
    ("none satisfiable", "bytes=10-", Unsatisfiable()),
    ("a suffix of nothing", "bytes=-0", Unsatisfiable()),
    ("last before first is not valid", "bytes=4-2", Whole()),
    ("another unit", "lines=0-1", Whole()),
    ("no range", "bytes=", Whole()),
    ("rubbish", "bytes=a-b", Whole()),
    ("rubbish beside a range", "bytes=0-1,x", Whole()),
    ("a huge number", "bytes=0-" + "9" * 30, Whole()),
    ("upper case unit", "Bytes=0-0", Ranges(((0, 1),))),
    ("too many", "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 600, 3)), Whole()),
]


@pytest.mark.requirement("9110§14.2 range-syntax-and-limits")
@pytest.mark.parametrize(("value", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_decide_range(value, expected):
    assert decide_range(get(Range=value), response(), 10, NOW) == expected


def test_ranges_are_for_a_200_to_a_get_of_known_length():
    assert decide_range(get("HEAD", Range="bytes=0-1"), response(), 10, NOW) == Whole()
    assert decide_range(get(Range="bytes=0-1"), response(404), 10, NOW) == Whole()
    assert decide_range(get(Range="bytes=0-1"), response(), None, NOW) == Whole()


IF_RANGE = [
    ("the strong tag", '"1"', {"ETag": '"1"'}, True),
    ("another tag", '"2"', {"ETag": '"1"'}, False),
    ("a weak tag never (§13.1.5)", 'W/"1"', {"ETag": 'W/"1"'}, False),
    ("the exact date", LM, {"Last_Modified": LM}, True),
    ("a later date does not do", "Sun, 06 Nov 1994 08:49:38 GMT", {"Last_Modified": LM}, False),
    ("a date no older than the response", LM, {"Last_Modified": LM, "Date": LM}, False),
]


@pytest.mark.requirement("9110§13.1.5 if-range-strong")
@pytest.mark.parametrize(
    ("value", "fields", "holds"), [c[1:] for c in IF_RANGE], ids=[c[0] for c in IF_RANGE]
)
def test_if_range(value, fields, holds):
    decision = decide_range(get(Range="bytes=0-1", If_Range=value), response(**fields), 10, NOW)
    assert isinstance(decision, Ranges) is holds


SPEC = st.one_of(
    st.tuples(st.integers(0, 300), st.integers(0, 300)).map(lambda p: f"{p[0]}-{p[1]}"),
    st.integers(0, 300).map(lambda n: f"-{n}"),
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


def test_the_parts_of_several_ranges_add_up():
    parts, length = multipart(((0, 2), (5, 7)), 10, "text/plain", "B")
    text = b"".join(
        part.before + (b"x" * (part.span[1] - part.span[0]) if part.span else b"") for part in parts
    )
    assert len(text) == length
    assert text.count(b"--B\r\n") == 2
    assert text.endswith(b"\r\n--B--\r\n")
    assert content_range((5, 7), 10) == "bytes 5-6/10"
