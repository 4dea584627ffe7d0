"""Which octets are held, lacking, and enough (RFC 9111 §3.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Form
from httpcache.rules.partial import covers, merged, missing

SPAN = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))

MERGED = [
    ("apart", [(5, 6), (0, 2)], ((0, 2), (5, 6))),
    ("touching", [(2, 4), (0, 2)], ((0, 4),)),
    ("overlapping", [(0, 3), (2, 9)], ((0, 9),)),
    ("one within another", [(0, 9), (2, 3)], ((0, 9),)),
    ("none", [], ()),
]


@pytest.mark.parametrize(("spans", "expected"), [c[1:] for c in MERGED], ids=[c[0] for c in MERGED])
def test_spans_that_overlap_or_touch_become_one(spans, expected):
    assert merged(spans) == expected


MISSING = [
    ("nothing held", (), (0, 9), ((0, 9),)),
    ("the middle held", ((3, 5),), (0, 9), ((0, 3), (5, 9))),
    ("all held", ((0, 20),), (3, 9), ()),
    ("the end held", ((6, 20),), (3, 9), ((3, 6),)),
    ("what is held lies beyond", ((10, 20),), (3, 9), ((3, 9),)),
]


@pytest.mark.parametrize(("held", "span", "gaps"), [c[1:] for c in MISSING], ids=[c[0] for c in MISSING])
def test_what_is_missing_of_a_span(held, span, gaps):
    assert missing(Form("", "id", 100, held), span) == gaps


@given(st.lists(SPAN, max_size=6), SPAN)
def test_what_is_held_and_what_is_missing_make_the_span(spans, span):
    held = merged(spans)
    octets = {at for first, end in spans for at in range(first, end)}
    gaps = {at for first, end in missing(Form("", "id", 100, held), span) for at in range(first, end)}
    assert gaps == set(range(*span)) - octets
    assert covers(held, span) is not gaps and covers(held, span) is (not gaps)
