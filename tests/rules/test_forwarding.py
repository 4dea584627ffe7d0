"""What messages lose and gain on their way (RFC 9110 §7.6, RFC 8586, RFC 7239)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields, RequestHead
from httpcache.rules.decisions import Refusal
from httpcache.rules.forwarding import (
    HOP_BY_HOP,
    UNTRUSTED,
    Identity,
    for_storing,
    forwarded_request,
    is_loop,
    max_forwards_reached,
    returned_fields,
)
from tests.rules.things import get, lines

ME = Identity("edge-1", "edge")


def forwarded(*, trusts: bool = False, client: str = "192.0.2.1", **fields: str) -> Fields:
    return forwarded_request(get(**fields), client, ME, trusts_peer=trusts).fields


DROPPED = [
    "Connection",
    "Keep-Alive",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
]


@pytest.mark.requirement("9110§7.6.1 connection-fields-removed")
@pytest.mark.parametrize("name", DROPPED)
def test_what_is_for_one_connection_is_not_forwarded(name):
    assert name.lower() not in forwarded(**{name.replace("-", "_"): "x"})


@pytest.mark.parametrize(
    "name", sorted(UNTRUSTED - {"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"})
)
def test_a_client_cannot_name_another_host_path_or_method(name):
    assert name not in forwarded(**{name.replace("-", "_"): "evil"})


def test_an_edge_says_who_asked_and_believes_nobody():
    fields = forwarded(X_Forwarded_For="6.6.6.6", Forwarded="for=6.6.6.6", X_Forwarded_Host="evil")
    assert fields.all("x-forwarded-for") == ("192.0.2.1",)
    assert fields.all("x-forwarded-host") == ("site.example",)
    assert fields.all("forwarded") == ('for=192.0.2.1;proto=http;host="site.example"',)


def test_an_ipv6_address_is_quoted_in_forwarded():
    assert forwarded(client="2001:db8::1").get("forwarded").startswith('for="[2001:db8::1]"')


def test_a_shield_keeps_what_the_edge_said():
    fields = forwarded(
        trusts=True, X_Forwarded_For="192.0.2.9", Forwarded="for=192.0.2.9", X_Forwarded_Host="h"
    )
    assert (fields.get("x-forwarded-for"), fields.get("forwarded"), fields.get("x-forwarded-host")) == (
        "192.0.2.9",
        "for=192.0.2.9",
        "h",
    )


@pytest.mark.requirement("9110§7.6.3 via-added")
def test_via_and_cdn_loop_are_added_after_those_that_came():
    fields = forwarded(Via="1.0 other", CDN_Loop="cdn.example; a=1")
    assert fields.get("via") == "1.0 other, 1.1 edge-1"
    assert fields.get("cdn-loop") == f"cdn.example; a=1, {ME.cdn_id}"


LOOPS = [
    ("edge-1.edge.edgeward", True),
    ("a, EDGE-1.edge.edgeward;x=y", True),
    ("edge-2.edge.edgeward", False),
    ("xedge-1.edge.edgeward", False),
    ('"edge-1.edge.edgeward"', False),
    ("", False),
]


@pytest.mark.requirement("8586§2 loop-detected")
@pytest.mark.parametrize(("value", "loop"), LOOPS)
def test_is_loop(value, loop):
    assert is_loop(lines(CDN_Loop=value), ME) is loop


@pytest.mark.requirement("9110§7.6.2 max-forwards")
def test_max_forwards_counts_down_and_ends():
    assert max_forwards_reached(get("TRACE", Max_Forwards="0")) == Refusal(501, "max-forwards")
    assert max_forwards_reached(get("OPTIONS", Max_Forwards="0")) == Refusal(204, "max-forwards")
    assert max_forwards_reached(get("GET", Max_Forwards="0")) is None
    assert (
        forwarded_request(get("TRACE", Max_Forwards="3"), "c", ME, trusts_peer=False).fields.get(
            "max-forwards"
        )
        == "2"
    )
    assert forwarded(Max_Forwards="3").get("max-forwards") == "3"


def test_a_request_that_is_to_be_stored_asks_for_the_whole():
    names = ["If_Match", "If_None_Match", "If_Modified_Since", "If_Unmodified_Since", "If_Range", "Range"]
    kept = for_storing(get(Accept="a/b", **dict.fromkeys(names, "x")))
    assert kept.fields == lines(Accept="a/b")


def test_what_is_for_our_tiers_stays_with_them():
    fields = lines(
        Surrogate_Key="a",
        Cache_Tag="b",
        Surrogate_Control="max-age=1",
        Edgeward_Cache_Control="max-age=1",
        CDN_Cache_Control="max-age=2",
        X="1",
        Connection="X-Hop",
        X_Hop="1",
    )
    to_clients = returned_fields(fields, ME, to_clients=True)
    assert to_clients.names() == {"x", "via", "cdn-cache-control"}
    to_edges = returned_fields(fields, ME, to_clients=False)
    assert {"surrogate-key", "cache-tag"} <= to_edges.names()
    assert "x-hop" not in to_edges


NAMES = st.sampled_from(
    [*DROPPED, "Host", "X-A", "X-B", "Via", "CDN-Loop", "X-Forwarded-For", "Max-Forwards"]
)
VALUES = st.one_of(st.text(), st.sampled_from(["X-A", "close, X-B", "keep-alive", "x-a, x-b"]))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), st.booleans())
def test_a_forwarded_request_never_has_a_field_of_the_connection(pairs, trusts):
    request = RequestHead("GET", "http", "a", "/", Fields(pairs))
    fields = forwarded_request(request, "192.0.2.1", ME, trusts_peer=trusts).fields
    named = {one.strip().lower() for one in (request.fields.get("connection") or "").split(",")}
    added = {"via", "cdn-loop", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"}
    assert not fields.names() & HOP_BY_HOP
    assert not (fields.names() - added) & named
    assert is_loop(fields, ME)
