"""Lines of the feed are believed only from the keeper, on their own connection, each once and in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.purge.feed_lines import FeedLine, LineFault, open_line, seal, shown_key
from httpcache.purge.keys import node_key
from httpcache.purge.orders import Kind, Order
from httpcache.purge.tokens import node_token


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return node_key(tmp_path_factory.mktemp("keeper"), "keeper")


def line(seq=0, nonce="n", orders=()) -> FeedLine:
    return FeedLine(seq, nonce, 7, 1, 2, 2.0, 0, orders)


def test_a_line_is_read_as_it_was_written(key):
    sent = line(orders=(Order(Kind.TAG, ("é",), True), Order(Kind.EVERYTHING)))
    text = seal(sent, key)
    assert text.endswith(b"\n") and text.count(b"\n") == 1
    assert shown_key(text.strip()) == key.public
    assert open_line(text.strip(), key.public, "n", 0) == sent


HOSTILE = [
    ("of another connection", lambda key, other: seal(line(nonce="m"), key)),
    ("out of turn", lambda key, other: seal(line(seq=1), key)),
    ("signed by another", lambda key, other: seal(line(), other)),
    ("that is a token", lambda key, other: node_token(key, b"", 0.0).encode()),
    ("cut short", lambda key, other: seal(line(), key)[:-9]),
    ("of octets", lambda key, other: b"\xff\xfe"),
    ("of nothing", lambda key, other: b""),
]


@pytest.mark.parametrize("make", [h[1] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
def test_a_line_is_not_believed(key, tmp_path, make):
    other = node_key(tmp_path, "other")
    with pytest.raises(LineFault):
        open_line(make(key, other).strip(), key.public, "n", 0)


@given(st.binary(max_size=100))
def test_any_octets_are_a_fault_and_nothing_else(text):
    with pytest.raises(LineFault):
        shown_key(text)
