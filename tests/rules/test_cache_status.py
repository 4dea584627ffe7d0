"""Cache-Status (RFC 9211): one member for each tier, in order."""

from __future__ import annotations

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields
from httpcache.rules.cache_status import LONGEST_KEY, add_cache_status, parse, render
from httpcache.rules.decisions import ForwardReason, Handling, Served
from httpcache.rules.structured import is_list_of_names, parse_names
from tests.rules.things import lines

HIT = Handling(Served.HIT, hit=True)

MEMBERS = [
    ("a hit, with what is left of its lifetime", Handling(Served.HIT, hit=True, ttl=5, key="http://a/"), 'n;hit;ttl=5;key="http://a/"'),
    ("a stale hit has a negative ttl (§2.4)", Handling(Served.STALE, hit=True, ttl=-3, detail="stale-while-revalidate"), "n;hit;ttl=-3;detail=stale-while-revalidate"),
    ("a miss that was stored", Handling(Served.MISS, fwd=ForwardReason.URI_MISS, fwd_status=200, stored=True, ttl=9), "n;fwd=uri-miss;fwd-status=200;ttl=9;stored"),
    ("a validation", Handling(Served.REVALIDATED, fwd=ForwardReason.STALE, fwd_status=304, ttl=9), "n;fwd=stale;fwd-status=304;ttl=9"),
    ("a collapsed request", Handling(Served.COLLAPSED, fwd=ForwardReason.VARY_MISS, fwd_status=200, collapsed=True), "n;fwd=vary-miss;fwd-status=200;collapsed"),
    ("an error of the next hop", Handling(Served.ERROR, fwd=ForwardReason.STALE, detail="connection-refused"), "n;fwd=stale;detail=connection-refused"),
    ("neither hit nor forwarded", Handling(Served.ERROR, detail="loop"), "n;detail=loop"),
    ("hit and fwd exclude each other (§2.2)", Handling(Served.HIT, hit=True, fwd=ForwardReason.STALE), "n;hit"),
    ("what only a forwarded request has (§2.3, §2.5, §2.6)", Handling(Served.HIT, hit=True, fwd_status=200, stored=True, collapsed=True), "n;hit"),
    ("a key is a String whatever is in it (§2.7)", Handling(Served.HIT, hit=True, key='é"\\'), 'n;hit;key="?\\"\\\\"'),
    ("a detail that is no Token is a String (§2.8)", Handling(Served.ERROR, detail="two words"), 'n;detail="two words"'),
]  # fmt: skip


@pytest.mark.requirement("9211§2 cache-status-member")
@pytest.mark.parametrize(("handling", "member"), [c[1:] for c in MEMBERS], ids=[c[0] for c in MEMBERS])
def test_a_member_says_what_happened(handling, member):
    assert render("n", handling) == member


@pytest.mark.requirement("9211§2 member-is-token-or-string")
@pytest.mark.parametrize(
    ("node", "member"), [("edge-1", "edge-1;hit"), ("1st", '"1st";hit'), ("a b", '"a b";hit')]
)
def test_a_name_that_is_no_token_is_a_string(node, member):
    assert render(node, HIT) == member


def test_a_key_is_told_only_as_far_as_clients_can_read():
    assert len(render("n", Handling(Served.HIT, hit=True, key="x" * 9000))) < LONGEST_KEY + 50


CHAINS = [
    ("nothing came", (), ("edge;hit",)),
    ("the tier nearer the origin comes first", ("shield;hit",), ("shield;hit", "edge;hit")),
    ("several lines stay as they are", ("a;hit", '"b c";fwd=miss'), ("a;hit", '"b c";fwd=miss', "edge;hit")),
    ("what is unknown is kept", ("a;new=1;detail=x",), ("a;new=1;detail=x", "edge;hit")),
    ("an unclosed String is dropped", ('"broken',), ("edge;hit",)),
    ("an Inner List is no name", ("(a b);hit",), ("edge;hit",)),
    ("a number is no name", ("1;hit",), ("edge;hit",)),
    ("a trailing comma is no List (9651 §4.2.1)", ("a;hit,",), ("edge;hit",)),
    ("an empty field is dropped", ("",), ("edge;hit",)),
]


@pytest.mark.requirement("9211§2 members-in-order")
@pytest.mark.parametrize(("came", "values"), [c[1:] for c in CHAINS], ids=[c[0] for c in CHAINS])
def test_members_of_others_are_kept_and_ours_is_the_last(came, values):
    fields = add_cache_status(Fields(("Cache-Status", one) for one in came), "edge", HIT)
    assert fields.all("cache-status") == values


def test_members_are_read_back():
    members = parse(lines(Cache_Status='shield;fwd=stale;ttl=-3;detail="x y", "edge 1";hit'))
    assert [(one.cache, one.is_hit) for one in members] == [("shield", False), ("edge 1", True)]
    assert members[0].parameters == {"fwd": "stale", "ttl": -3, "detail": "x y"}
    assert parse(lines(Cache_Status="1")) == []


@given(st.text(), st.text())
def test_any_key_and_any_field_of_the_next_hop_give_a_valid_field(text, name):
    handling = Handling(Served.HIT, hit=True, key=text, detail=text)
    fields = add_cache_status(lines(Cache_Status=text), name, handling)
    assert parse(fields)[-1].is_hit


@given(
    st.text(max_size=12),
    st.builds(
        Handling,
        st.sampled_from(Served),
        hit=st.booleans(),
        fwd=st.none() | st.sampled_from(ForwardReason),
        fwd_status=st.none() | st.integers(100, 599),
        stored=st.booleans(),
        collapsed=st.booleans(),
        ttl=st.none() | st.integers(-(10**12), 10**12),
        key=st.text(max_size=30),
        detail=st.text(max_size=12),
    ),
)
def test_a_member_is_written_as_the_library_for_structured_fields_writes_it(node, handling):
    member = render(node, handling)
    ((item, parameters),) = http_sf.parse(member.encode(), tltype="list")
    assert http_sf.ser([(item, parameters)]) == member
    forwarded = handling.fwd is not None and not handling.hit
    assert (parameters.get("hit") is True) == handling.hit
    assert parameters.get("ttl") == handling.ttl
    assert parameters.get("fwd-status") == (handling.fwd_status if forwarded else None)
    assert ("stored" in parameters, "collapsed" in parameters) == (
        forwarded and handling.stored,
        forwarded and handling.collapsed,
    )


@given(st.from_regex(r'([ab*"1(;,=. \\:/Zé-]|hit|;ttl=1|="x"|, ){0,12}', fullmatch=True))
def test_a_list_of_names_is_told_in_one_look_as_by_reading_it(text):
    assert is_list_of_names(text) == bool(parse_names(text))
