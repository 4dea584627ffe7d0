"""Which aligned segment to ask for, and what a 206 that comes for it is good for (RFC 9110 §14, RFC 9111 §3.3, §3.4)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Form
from httpcache.rules.decisions import DoNotStore, NotStoredReason
from httpcache.rules.partial import as_whole, held_up_to, is_partial
from httpcache.rules.pieces import (
    FetchWhole,
    KeepPiece,
    Limits,
    aligned,
    decide_piece,
    first_piece,
    is_buildable,
    next_piece,
    piece_fields,
)
from tests.rules.things import NOW, POLICY, RECEIVED, get, response, stored

SIZE = 100


def part(*held: tuple[int, int], etag: str = '"1"', length: int = 1050):
    return replace(stored(ETag=etag, Cache_Control="max-age=60"), forms=(Form("", "id", length, held),))


FIRST = [
    ("within the first", "bytes=5-9", (0, 100)),
    ("further in", "bytes=250-900", (200, 300)),
    ("to the end", "bytes=250-", (200, 300)),
    ("the last octets: where they are depends on the length", "bytes=-5", (0, 100)),
    ("several: the lowest", "bytes=900-, 350-351", (300, 400)),
    ("several, one from the end", "bytes=900-, -5", (0, 100)),
    ("no range", None, None),
    ("no range that is valid", "bytes=9-5", None),
    ("of nothing", "bytes=", None),
    ("of another unit", "lines=5-9", None),
]


@pytest.mark.parametrize(("asked", "expected"), [one[1:] for one in FIRST], ids=[one[0] for one in FIRST])
def test_the_segment_to_begin_with(asked, expected):
    assert first_piece(get(**({"Range": asked} if asked else {})), SIZE) == expected


NEXT = [
    ("the first that lacks", ((0, 100),), "bytes=50-450", (100, 200)),
    ("a hole further on", ((0, 100), (200, 300)), "bytes=250-450", (300, 400)),
    ("of several ranges, the one that lacks", ((0, 100),), "bytes=0-9, 700-709", (700, 800)),
    ("the last is short", ((0, 100),), "bytes=-5", (1000, 1050)),
    ("of the whole", ((0, 100),), None, (100, 200)),
    ("of the whole, where the range is too far", ((0, 100),), "bytes=5000-", (100, 200)),
    ("of the whole, where If-Range names another", ((100, 200),), "bytes=150-", (0, 100)),
    ("all held: the first that has some of it", ((0, 500),), "bytes=250-450", (200, 300)),
]


@pytest.mark.parametrize(
    ("held", "asked", "expected"), [one[1:] for one in NEXT], ids=[one[0] for one in NEXT]
)
def test_the_segment_to_ask_for_next(held, asked, expected):
    fields = {"Range": asked} if asked else {}
    if asked == "bytes=150-":
        fields["If_Range"] = '"0"'
    assert next_piece(get(**fields), part(*held), SIZE, NOW) == expected


@given(st.integers(0, 10_000), st.integers(1, 500), st.integers(1, 10_000))
def test_a_segment_holds_the_octet_and_begins_at_a_multiple(at, size, length):
    first, end = aligned(at, size)
    assert first <= at < end and first % size == 0 and end - first == size
    if at < length:
        assert aligned(at, size, length) == (first, min(end, length))


def test_a_piece_is_asked_for_by_its_range_and_the_tag_of_what_is_held():
    assert dict(piece_fields((0, 100), None)) == {"Range": "bytes=0-99"}
    assert dict(piece_fields((100, 200), part((0, 100)))) == {"Range": "bytes=100-199", "If-Range": '"1"'}
    assert dict(piece_fields((100, 200), part((0, 100), etag='W/"1"'))) == {"Range": "bytes=100-199"}


@pytest.mark.parametrize(("etag", "expected"), [('"1"', True), ('W/"1"', False), ("1", False)])
def test_only_a_strong_tag_lets_pieces_be_added(etag, expected):
    assert is_buildable(part((0, 100), etag=etag)) is expected


TOLD = {"Cache_Control": "max-age=60", "ETag": '"1"', "Content_Range": "bytes 100-199/1050"}
DECIDED = [
    ("what was asked for", {}, (100, 200)),
    ("the end of it", {"Content_Range": "bytes 100-149/150"}, (100, 150)),
    ("not from where it was asked", {"Content_Range": "bytes 90-199/1050"}, NotStoredReason.PARTIAL),
    ("less than was asked", {"Content_Range": "bytes 100-149/1050"}, NotStoredReason.PARTIAL),
    ("of unknown length", {"Content_Range": "bytes 100-199/*"}, NotStoredReason.PARTIAL),
    ("private", {"Cache_Control": "private"}, NotStoredReason.PRIVATE),
    ("too large", {"Content_Range": "bytes 100-199/20000"}, NotStoredReason.TOO_LARGE),
    ("weak and small", {"ETag": 'W/"1"', "Content_Range": "bytes 100-199/300"}, FetchWhole()),
    ("weak and large", {"ETag": 'W/"1"'}, NotStoredReason.NO_STRONG_VALIDATOR),
    ("without a tag and large", {"ETag": ""}, NotStoredReason.NO_STRONG_VALIDATOR),
]


@pytest.mark.parametrize(
    ("fields", "expected"), [one[1:] for one in DECIDED], ids=[one[0] for one in DECIDED]
)
def test_what_a_206_is_good_for(fields, expected):
    head = response(206, **(TOLD | fields))
    decision = decide_piece(
        get(Range="bytes=105-109"), (100, 200), head, RECEIVED, POLICY, Limits(10_000, 500)
    )
    if isinstance(decision, KeepPiece):
        assert decision.span == expected
        assert not decision.is_whole
    else:
        assert decision == (DoNotStore(expected) if isinstance(expected, NotStoredReason) else expected)


def test_all_of_a_small_representation_needs_no_tag():
    head = response(206, Cache_Control="max-age=60", Content_Range="bytes 0-49/50")
    decision = decide_piece(get(Range="bytes=5-9"), (0, 100), head, RECEIVED, POLICY, Limits(10_000, 500))
    assert isinstance(decision, KeepPiece) and decision.is_whole


@pytest.mark.parametrize(
    ("what", "length", "expected"),
    [
        ("small enough to be stored", 1050, FetchWhole()),
        ("too large", 10_001, DoNotStore(NotStoredReason.TOO_LARGE)),
    ],
)
def test_where_nothing_is_built_out_of_pieces_all_that_is_stored_is_fetched_whole(what, length, expected):
    told = f"bytes 100-199/{length}"
    head = response(206, Content_Range=told, ETag='"1"', Cache_Control="max-age=60")
    limits = Limits(10_000, 500, builds=False)
    decision = decide_piece(get(Range="bytes=105-109"), (100, 200), head, RECEIVED, POLICY, limits)
    assert decision == expected, what


def test_held_runs():
    one = part((0, 100), (200, 300))
    assert [held_up_to(one.forms[0], at) for at in (0, 99, 100, 200, 500)] == [100, 100, 100, 300, 500]
    assert is_partial(one) and not is_partial(as_whole(one))
