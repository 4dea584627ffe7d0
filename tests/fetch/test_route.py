"""Which servers a request may go to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.fetch.route import ToOrigins, ToShields

ORIGINS = ToOrigins(
    "http://default", {"a.example": "http://a", "*.b.example": "http://b", "c.example:81": "http://c"}
)

CASES = [
    ("a host that is named", "a.example", "http://a"),
    ("with any port", "a.example:8080", "http://a"),
    ("a name below a wildcard", "x.y.b.example", "http://b"),
    ("the wildcard's own name is not below it", "b.example", "http://default"),
    ("a host named with its port", "c.example:81", "http://c"),
    ("the same host with another port", "c.example", "http://default"),
    ("an address literal", "[::1]", "http://default"),
]


@pytest.mark.parametrize(("host", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_to_origins(host, expected):
    assert tuple(ORIGINS.servers(host, "k")) == (expected,)


def test_an_unknown_host_without_a_default_goes_nowhere():
    assert ToOrigins(None, {}).servers("x", "k") == ()


@given(st.lists(st.text("abc", min_size=1), min_size=2, max_size=6, unique=True), st.text())
def test_a_shield_that_leaves_moves_only_its_own_keys(shields, key):
    before = list(ToShields(shields).servers("h", key))
    for gone in shields:
        left = [one for one in shields if one != gone]
        assert list(ToShields(left).servers("h", key)) == [one for one in before if one != gone]


def test_keys_spread_over_the_shields():
    first = [ToShields(["a", "b", "c"]).servers("h", f"k{index}")[0] for index in range(3000)]
    assert all(800 < first.count(name) < 1200 for name in "abc")
