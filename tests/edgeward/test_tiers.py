"""What Cache-Status tells of each tier."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.tiers import TierMember, handled, read_tiers

MEMBERS = [
    ("edge-1; hit; ttl=30", [TierMember("edge-1", hit=True, ttl=30)]),
    ("e;hit;ttl=-4", [TierMember("e", hit=True, ttl=-4)]),
    (
        "s; fwd=uri-miss; fwd-status=200; stored, e; fwd=stale; fwd-status=304; collapsed",
        [
            TierMember("s", fwd="uri-miss", fwd_status=200, stored=True),
            TierMember("e", fwd="stale", fwd_status=304, collapsed=True),
        ],
    ),
    ('"a, \\"b\\""; hit; detail="x; y, z"', [TierMember('a, "b"', hit=True, detail="x; y, z")]),
    ("e; hit=?0; fwd=miss; stored=?1", [TierMember("e", fwd="miss", stored=True)]),
    ('e; hit; key="http://a/b;c,d"; other=1.5', [TierMember("e", hit=True, key="http://a/b;c,d")]),
    ("e; hit; ttl=soon", [TierMember("e", hit=True)]),
    ("not; a=, list", []),
    ("", []),
]


@pytest.mark.parametrize(("value", "members"), MEMBERS, ids=[row[0] or "nothing" for row in MEMBERS])
def test_members_are_read(value, members):
    assert list(read_tiers(value)) == members


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_error(value):
    read_tiers(value)


WENT_THROUGH = [
    ("an edge hit tells nothing of the shield", "s; fwd=uri-miss; stored, e; hit; ttl=9", ["e hit"]),
    ("a shield hit", "s; hit; ttl=9, e; fwd=uri-miss; stored", ["e miss", "s hit"]),
    ("a miss in both", "s; fwd=uri-miss; stored, e; fwd=uri-miss; stored", ["e miss", "s miss"]),
    (
        "who waits for another's fetch is not seen behind",
        "s; fwd=miss, e; fwd=uri-miss; collapsed",
        ["e collapsed"],
    ),
    (
        "a validation is seen behind",
        "s; hit; ttl=5, e; fwd=stale; fwd-status=304",
        ["e revalidated", "s hit"],
    ),
    ("a stale answer", "e; hit; ttl=-1", ["e stale"]),
    ("a failed next hop", "e; fwd=stale; fwd-status=503; ttl=-5; detail=stale-if-error", ["e stale"]),
    ("a bypass", "e; fwd=bypass", ["e bypass"]),
]


@pytest.mark.parametrize(
    ("value", "through"), [r[1:] for r in WENT_THROUGH], ids=[r[0] for r in WENT_THROUGH]
)
def test_the_tiers_a_request_went_through(value, through):
    assert [f"{member.name} {what}" for member, what in handled(read_tiers(value))] == through
