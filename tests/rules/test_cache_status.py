"""Cache-Status (RFC 9211) and Proxy-Status (RFC 9209)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.rules.cache_status import add_cache_status, parse, render
from httpcache.rules.decisions import ForwardReason, Handling, Served
from httpcache.rules.proxy_status import render as render_proxy_status
from tests.rules.things import lines

MEMBERS = [
    (Handling(Served.HIT, hit=True, ttl=5, key="http://a/"), 'n;hit;ttl=5;key="http://a/"'),
    (
        Handling(Served.STALE, hit=True, ttl=-3, detail="stale-while-revalidate"),
        "n;hit;ttl=-3;detail=stale-while-revalidate",
    ),
    (
        Handling(Served.MISS, fwd=ForwardReason.URI_MISS, fwd_status=200, stored=True, ttl=9),
        "n;fwd=uri-miss;fwd-status=200;ttl=9;stored",
    ),
    (
        Handling(Served.COLLAPSED, fwd=ForwardReason.VARY_MISS, fwd_status=200, collapsed=True),
        "n;fwd=vary-miss;fwd-status=200;collapsed",
    ),
    (
        Handling(Served.ERROR, fwd=ForwardReason.STALE, detail="connection-refused"),
        "n;fwd=stale;detail=connection-refused",
    ),
    (Handling(Served.ERROR, detail="loop"), "n;detail=loop"),
]


@pytest.mark.requirement("9211§2 cache-status-member")
@pytest.mark.parametrize(("handling", "member"), MEMBERS)
def test_a_member_says_what_happened(handling, member):
    assert render("n", handling) == member


@pytest.mark.requirement("9211§2 members-in-order")
def test_members_are_added_after_those_nearer_the_origin():
    fields = add_cache_status(lines(Cache_Status="shield; hit"), "edge", Handling(Served.HIT, hit=True))
    assert [one.cache for one in parse(fields)] == ["shield", "edge"]
    assert all(one.is_hit for one in parse(fields))


def test_what_is_no_list_is_dropped_and_does_not_break_ours():
    fields = add_cache_status(lines(Cache_Status='"broken'), "edge", Handling(Served.HIT, hit=True))
    assert fields.all("cache-status") == ("edge;hit",)


@given(st.text(), st.text("abc.-", min_size=1).filter(lambda name: name[0] in "abc"))
def test_any_key_and_any_field_of_the_next_hop_give_a_valid_field(text, name):
    fields = add_cache_status(lines(Cache_Status=text), name, Handling(Served.HIT, hit=True, key=text))
    assert parse(fields)[-1].cache == name


def test_proxy_status_names_the_error():
    assert (
        render_proxy_status("n", "connection_refused", "no connection")
        == 'n;error=connection_refused;details="no connection"'
    )
    assert render_proxy_status("n", "dns_error") == "n;error=dns_error"
