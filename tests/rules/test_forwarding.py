"""What messages lose and gain on their way (RFC 9110 §7.6, RFC 8586, RFC 7239)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields, RequestHead
from httpcache.rules.decisions import Refusal
from httpcache.rules.forwarding import (
    HOP_BY_HOP,
    MOST_FORWARDS,
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
SHIELD = Identity("shield-1", "shield")
HUGE = "9" * 5000


def forwarded(
    *pairs: tuple[str, str],
    trusts: bool = False,
    proxy: bool = False,
    client: str = "192.0.2.1",
    **fields: str,
) -> Fields:
    request = RequestHead("GET", "http", "site.example", "/a", Fields((*lines(**fields), *pairs)))
    return forwarded_request(request, client, ME, trusts_peer=trusts, peer_is_proxy=proxy).fields


DROPPED = [
    "Connection",
    "HTTP2-Settings",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
]


@pytest.mark.requirement("9110§7.6.1 connection-fields-removed")
@pytest.mark.parametrize("name", DROPPED)
@pytest.mark.parametrize("value", ["x", "trailers", ""])
def test_what_is_for_one_connection_is_not_forwarded(name, value):
    assert name.lower() not in forwarded((name, value))


NAMED = [
    ("one name", ["X-A"], {"x-b", "x-c"}),
    ("in another case", ["x-a"], {"x-b", "x-c"}),
    ("several, with white space and empty members", [" X-A ,, X-B"], {"x-c"}),
    ("several lines", ["close, X-A", "keep-alive, X-C"], {"x-b"}),
    ("a name within another", ["X-AB"], {"x-a", "x-b", "x-c"}),
    ("nothing", [""], {"x-a", "x-b", "x-c"}),
]


@pytest.mark.requirement("9110§7.6.1 fields-named-by-connection-removed")
@pytest.mark.parametrize(("options", "left"), [c[1:] for c in NAMED], ids=[c[0] for c in NAMED])
def test_what_connection_names_goes_no_further(options, left):
    pairs = [("X-A", "1"), ("X-B", "1"), ("X-C", "1"), *(("Connection", one) for one in options)]
    own = {"via", "cdn-loop", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"}
    assert forwarded(*pairs).names() - own == left
    assert returned_fields(Fields(pairs), ME, to_clients=True).names() - own == left


TOLD_ANEW = {"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"}


@pytest.mark.parametrize("name", sorted(UNTRUSTED - TOLD_ANEW))
def test_a_client_cannot_name_another_host_path_or_method(name):
    assert name not in forwarded((name.title(), "evil"))


@pytest.mark.parametrize(
    "name", ["X_Forwarded_For", "x_original-url", "Proxy", "Edgeward-Purge-Mark", "Edgeward-X", "edgeward_x"]
)
@pytest.mark.parametrize("proxy", [True, False])
def test_other_spellings_do_not_help_it(name, proxy):
    assert "evil" not in [value for _, value in forwarded((name, "evil"), proxy=proxy)]


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Via", "CDN-Loop", "Forwarded"])
def test_a_client_cannot_have_our_fields_dropped_by_connection(name):
    fields = forwarded(("Connection", name), (name, "before.example"))
    assert name.lower() in fields
    assert is_loop(fields, ME)


def test_an_edge_says_who_asked_and_believes_nobody():
    fields = forwarded(
        X_Forwarded_For="6.6.6.6", Forwarded="for=6.6.6.6", X_Forwarded_Host="evil", X_Forwarded_Proto="https"
    )
    assert fields.all("x-forwarded-for") == ("192.0.2.1",)
    assert fields.all("x-forwarded-host") == ("site.example",)
    assert fields.all("x-forwarded-proto") == ("http",)
    assert fields.all("forwarded") == ('for=192.0.2.1;proto=http;host="site.example"',)


def test_an_edge_adds_to_what_a_proxy_of_the_operator_says():
    fields = forwarded(
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-For", "::1, junk"),
        proxy=True,
        X_Forwarded_Host="evil",
    )
    assert fields.all("x-forwarded-for") == ("203.0.113.7, ::1, junk, 192.0.2.1",)
    assert fields.all("x-forwarded-host") == ("site.example",)
    assert fields.get("forwarded") == (
        'for=203.0.113.7, for="[::1]", for=unknown, for=192.0.2.1;proto=http;host="site.example"'
    )


NODES = [
    ("an IPv4 address", "192.0.2.1", "for=192.0.2.1"),
    ("an IPv6 address is quoted and in brackets", "2001:db8::1", 'for="[2001:db8::1]"'),
    ("a zone is for one machine only", "fe80::1%eth0", 'for="[fe80::1]"'),
    ("an IPv4 address within IPv6", "::ffff:192.0.2.1", 'for="[::ffff:192.0.2.1]"'),
    ("nobody knows", "", "for=unknown"),
    ("a path of a socket", "/run/x.sock", "for=unknown"),
    ("what would end the field", 'a"b;c', "for=unknown"),
]


@pytest.mark.requirement("7239§6 node-syntax")
@pytest.mark.parametrize(("client", "node"), [c[1:] for c in NODES], ids=[c[0] for c in NODES])
def test_an_address_is_told_as_a_node(client, node):
    assert forwarded(client=client).get("forwarded") == f'{node};proto=http;host="site.example"'


def test_a_shield_keeps_what_the_edge_said():
    said = {
        "x-forwarded-for": "192.0.2.9",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "h",
        "forwarded": "for=192.0.2.9",
    }
    request = RequestHead("GET", "http", "h", "/a", Fields(said.items()))
    fields = forwarded_request(request, "10.0.0.1", SHIELD, trusts_peer=True).fields
    assert {name: fields.get(name) for name in said} == said


def test_a_shield_that_is_told_nothing_says_what_it_sees():
    fields = forwarded(trusts=True, client="10.0.0.1", X_Original_URL="/evil", Edgeward_Purge_Mark="1.2")
    assert fields.get("x-forwarded-for") == "10.0.0.1"
    assert not fields.names() & {"x-original-url", "edgeward-purge-mark"}


@pytest.mark.requirement("9110§7.6.3 via-added")
def test_via_and_cdn_loop_are_added_after_those_that_came():
    fields = forwarded(Via="1.0 other", CDN_Loop="cdn.example; a=1")
    assert fields.get("via") == "1.0 other, 1.1 edge-1"
    assert fields.get("cdn-loop") == "cdn.example; a=1, edge-1.edge.edgeward"


@pytest.mark.requirement("9110§7.6.3 via-tells-the-received-protocol")
def test_via_tells_the_version_in_which_the_message_came():
    assert (
        forwarded_request(get(), "c", ME, trusts_peer=False, protocol="1.0").fields.get("via") == "1.0 edge-1"
    )
    assert (
        returned_fields(lines(Via="1.1 a"), ME, to_clients=True, protocol="1.0").get("via")
        == "1.1 a, 1.0 edge-1"
    )


def test_everything_else_is_forwarded_as_it_came():
    pairs = [
        ("X-A", "1"),
        ("x-a", "2"),
        ("Cookie", "a=b"),
        ("Authorization", "x"),
        ("If-None-Match", '"1"'),
        ("Range", "bytes=0-1"),
    ]
    assert forwarded(*pairs).lines[: len(pairs)] == tuple(pairs)


LOOPS = [
    ("this node", "edge-1.edge.edgeward", True),
    ("this node among others, in another case, with parameters", "a, EDGE-1.edge.edgeward;x=y", True),
    ("another edge", "edge-2.edge.edgeward", False),
    ("the shield of the same name", "edge-1.shield.edgeward", False),
    ("a name that contains ours", "xedge-1.edge.edgeward", False),
    ("a quoted string is no cdn-id", '"edge-1.edge.edgeward"', False),
    ("within a parameter", 'a;b="x, edge-1.edge.edgeward"', False),
    ("nothing", "", False),
]  # fmt: skip


@pytest.mark.requirement("8586§2 loop-detected")
@pytest.mark.parametrize(("value", "loop"), [c[1:] for c in LOOPS], ids=[c[0] for c in LOOPS])
def test_is_loop(value, loop):
    assert is_loop(lines(CDN_Loop=value), ME) is loop


def test_edge_then_shield_is_no_loop_and_the_edge_again_is_one():
    at_shield = forwarded_request(get(), "c", ME, trusts_peer=False)
    assert not is_loop(at_shield.fields, SHIELD)
    at_origin = forwarded_request(at_shield, "e", SHIELD, trusts_peer=True)
    assert is_loop(at_origin.fields, ME)
    assert is_loop(at_origin.fields, SHIELD)


FORWARDS = [
    ("TRACE", "0", Refusal(501, "max-forwards"), "0"),
    ("OPTIONS", "0", Refusal(204, "max-forwards"), "0"),
    ("OPTIONS", "000", Refusal(204, "max-forwards"), "0"),
    ("TRACE", "3", None, "2"),
    ("OPTIONS", "010", None, "9"),
    ("TRACE", HUGE, None, str(MOST_FORWARDS - 1)),
    ("TRACE", "-1", None, "-1"),
    ("TRACE", "1, 2", None, "1, 2"),
    ("TRACE", "٣", None, "٣"),
    ("GET", "0", None, "0"),
    ("POST", "3", None, "3"),
]


@pytest.mark.requirement("9110§7.6.2 max-forwards")
@pytest.mark.parametrize(
    ("method", "value", "refusal", "sent"), FORWARDS, ids=[f"{c[0]} {c[1][:9]}" for c in FORWARDS]
)
def test_max_forwards_counts_down_and_ends(method, value, refusal, sent):
    request = get(method, Max_Forwards=value)
    assert max_forwards_reached(request) == refusal
    assert forwarded_request(request, "c", ME, trusts_peer=False).fields.get("max-forwards") == sent


def test_a_request_that_is_to_be_stored_asks_for_the_whole():
    names = ["If_Match", "If_None_Match", "If_Modified_Since", "If_Unmodified_Since", "If_Range", "Range"]
    kept = for_storing(get(Accept="a/b", **dict.fromkeys(names, "x")))
    assert kept.fields == lines(Accept="a/b")


ENCODINGS = [
    ("order, case and white space", "BR ,  gzip", "br,gzip"),
    ("weights that are none", "gzip;q=1.0, br;q=0.50", "gzip,br;q=0.5"),
    ("an empty one stays empty", "", ""),
    ("normal already", "br,gzip", "br,gzip"),
]


@pytest.mark.parametrize(("value", "sent"), [c[1:] for c in ENCODINGS], ids=[c[0] for c in ENCODINGS])
def test_a_request_that_is_to_be_stored_names_codings_in_one_spelling(value, sent):
    assert for_storing(get(Accept_Encoding=value)).fields.get("accept-encoding") == sent


RETURNED = [
    ("Surrogate-Key", False),
    ("Cache-Tag", False),
    ("Surrogate-Control", False),
    ("Edgeward-Cache-Control", False),
    ("Edgeward-Anything", False),
    ("CDN-Cache-Control", True),
    ("Cache-Groups", True),
    ("Proxy-Status", True),
    ("Set-Cookie", True),
    ("X-Other", True),
]


@pytest.mark.parametrize(("name", "leaves"), RETURNED, ids=[c[0] for c in RETURNED])
def test_what_is_for_our_tiers_stays_with_them(name, leaves):
    fields = Fields([(name, "x")])
    assert (name.lower() in returned_fields(fields, ME, to_clients=True)) is leaves
    assert name.lower() in returned_fields(fields, ME, to_clients=False)


@pytest.mark.requirement("9213§3.1 cdn-cache-control-forwarded")
def test_cdn_cache_control_goes_on_to_cdns_nearer_the_client():
    fields = returned_fields(lines(CDN_Cache_Control="max-age=9"), ME, to_clients=True)
    assert fields.get("cdn-cache-control") == "max-age=9"


NAMES = st.sampled_from(
    [*DROPPED, "Host", "X-A", "X-B", "Via", "CDN-Loop", "X-Forwarded-For", "Max-Forwards", "X_Real_IP"]
)
VALUES = st.one_of(
    st.text(), st.sampled_from(["X-A", "close, X-B", "keep-alive", "x-a, x-b", "X-Forwarded-For"])
)
ADDED = TOLD_ANEW | {"via", "cdn-loop"}


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8), st.booleans(), st.booleans(), st.text())
def test_a_forwarded_request_never_has_a_field_of_the_connection(pairs, trusts, proxy, client):
    request = RequestHead("TRACE", "http", "a", "/", Fields(pairs))
    fields = forwarded_request(request, client, ME, trusts_peer=trusts, peer_is_proxy=proxy).fields
    named = {one.strip().lower() for one in (request.fields.get("connection") or "").split(",")}
    assert not fields.names() & HOP_BY_HOP
    assert not (fields.names() - ADDED) & named
    assert is_loop(fields, ME)
    assert "x-forwarded-for" in fields
    assert not {name.replace("_", "-") for name in fields.names()} & (UNTRUSTED - TOLD_ANEW) or trusts


@given(st.lists(st.tuples(st.text(), st.text()), max_size=6), st.booleans())
def test_any_response_goes_back_without_fields_of_the_connection(pairs, to_clients):
    fields = returned_fields(Fields(pairs), ME, to_clients=to_clients)
    assert not fields.names() & HOP_BY_HOP
    assert fields.lines[-1] == ("Via", "1.1 edge-1")
