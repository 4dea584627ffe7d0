"""Whether and how a response is stored (RFC 9111 §3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields, ResponseHead
from httpcache.rules.decisions import DoNotStore, NotStoredReason, Store
from httpcache.rules.storing import decide_storing
from httpcache.settings import SitePolicy
from tests.rules.things import DATE, POLICY, RECEIVED, get, response

OK = {"Cache_Control": "max-age=60"}

CASES = [
    ("explicit freshness", {}, 200, OK, None),
    ("no-store (§5.2.2.5)", {}, 200, {"Cache_Control": "max-age=60, no-store"}, "no-store"),
    ("request no-store (§5.2.1.5)", {"Cache_Control": "no-store"}, 200, OK, "request-no-store"),
    ("private (§5.2.2.7)", {}, 200, {"Cache_Control": "max-age=60, private"}, "private"),
    ("qualified private", {}, 200, {"Cache_Control": 'max-age=60, private="x-user"'}, None),
    ("Authorization (§3.5)", {"Authorization": "x"}, 200, OK, "authorization"),
    ("Authorization and public", {"Authorization": "x"}, 200, {"Cache_Control": "max-age=60, public"}, None),
    ("Authorization and s-maxage", {"Authorization": "x"}, 200, {"Cache_Control": "s-maxage=60"}, None),
    ("Authorization and must-revalidate", {"Authorization": "x"}, 200, {"Cache_Control": "max-age=6, must-revalidate"}, None),
    ("Vary: *", {}, 200, {"Cache_Control": "max-age=60", "Vary": "*"}, "vary-star"),
    ("Set-Cookie", {}, 200, {"Cache_Control": "max-age=60", "Set-Cookie": "a=b"}, "set-cookie"),
    ("neither freshness nor validator", {}, 200, {}, "no-freshness-nor-validator"),
    ("max-age=0 without a validator", {}, 200, {"Cache_Control": "max-age=0"}, "no-freshness-nor-validator"),
    ("no freshness but an ETag", {}, 200, {"ETag": '"1"'}, None),
    ("a status without heuristics and nothing explicit", {}, 302, {"ETag": '"1"'}, "status"),
    ("the same with max-age", {}, 302, OK, None),
    ("an error with explicit freshness", {}, 500, OK, None),
    ("an unknown status with explicit freshness", {}, 299, OK, None),
    ("must-understand and an unknown status (§5.2.2.3)", {}, 299, {"Cache_Control": "max-age=60, must-understand"}, "status"),
    ("must-understand overrides no-store when understood", {}, 200, {"Cache_Control": "max-age=60, must-understand, no-store"}, None),
    ("206", {}, 206, OK, "partial"),
    ("304", {}, 304, OK, "status"),
    ("targeted no-store wins", {}, 200, {"Cache_Control": "max-age=60", "CDN_Cache_Control": "no-store"}, "no-store"),
    ("targeted freshness wins over no-store", {}, 200, {"Cache_Control": "no-store", "CDN_Cache_Control": "max-age=5"}, None),
]  # fmt: skip


@pytest.mark.requirement("9111§3 store-only-when-allowed")
@pytest.mark.parametrize(
    ("request_", "status", "fields", "reason"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_decide_storing(request_, status, fields, reason):
    fields = {name.replace("-", "_"): value for name, value in fields.items()}
    decision = decide_storing(get(**request_), response(status, **fields), RECEIVED, POLICY)
    assert (decision.reason if isinstance(decision, DoNotStore) else None) == reason


def test_only_the_response_to_a_get_is_stored():
    for method in ("HEAD", "POST", "PUT", "BREW"):
        assert decide_storing(get(method), response(**OK), RECEIVED, POLICY) == DoNotStore(
            NotStoredReason.METHOD
        )


POSTS = [
    (
        "located at the target and explicitly fresh",
        {"Content_Location": "/a", "Cache_Control": "max-age=9"},
        True,
    ),
    ("located elsewhere", {"Content_Location": "/b", "Cache_Control": "max-age=9"}, False),
    (
        "located on another origin",
        {"Content_Location": "http://other/a", "Cache_Control": "max-age=9"},
        False,
    ),
    ("not explicitly fresh", {"Content_Location": "/a", "ETag": '"1"'}, False),
    ("not located", {"Cache_Control": "max-age=9"}, False),
]


@pytest.mark.requirement("9110§9.3.3 post-response-reuse")
@pytest.mark.parametrize(("fields", "is_stored"), [c[1:] for c in POSTS], ids=[c[0] for c in POSTS])
def test_the_response_to_a_post_is_stored_only_where_it_is_what_a_get_would_get(fields, is_stored):
    decision = decide_storing(get("POST"), response(**fields), RECEIVED, POLICY)
    assert isinstance(decision, Store) is is_stored


def test_set_cookie_is_stripped_only_where_the_policy_says_so_and_the_response_is_public():
    strip = SitePolicy(set_cookie="strip")
    public = response(Cache_Control="max-age=60, public", Set_Cookie="a=b")
    assert decide_storing(get(), public, RECEIVED, POLICY) == DoNotStore(NotStoredReason.SET_COOKIE)
    decision = decide_storing(get(), public, RECEIVED, strip)
    assert isinstance(decision, Store)
    assert "set-cookie" not in decision.fields
    quiet = response(Cache_Control="max-age=60", Set_Cookie="a=b")
    assert decide_storing(get(), quiet, RECEIVED, strip) == DoNotStore(NotStoredReason.SET_COOKIE)


NOT_STORED = [
    ("connection fields (§3.1)", {"Connection": "X-Hop, close", "X_Hop": "1", "Keep_Alive": "5"}, {"connection", "x-hop", "keep-alive"}),
    ("proxy fields (§3.1)", {"Proxy_Authenticate": "Basic", "Proxy_Authentication_Info": "x"}, {"proxy-authenticate", "proxy-authentication-info"}),
    ("framing", {"Transfer_Encoding": "chunked", "Trailer": "X"}, {"transfer-encoding", "trailer"}),
    ("fields named by no-cache (§5.2.2.4)", {"Cache_Control": 'max-age=9, no-cache="X-A, x-b"', "X_A": "1", "X_B": "2"}, {"x-a", "x-b"}),
    ("fields named by private (§5.2.2.7)", {"Cache_Control": 'max-age=9, private="X-User"', "X_User": "1"}, {"x-user"}),
]  # fmt: skip


@pytest.mark.requirement("9111§3.1 fields-not-stored")
@pytest.mark.parametrize(("fields", "gone"), [c[1:] for c in NOT_STORED], ids=[c[0] for c in NOT_STORED])
def test_what_is_not_stored_of_a_response_that_is(fields, gone):
    decision = decide_storing(
        get(), response(**({"Cache_Control": "max-age=9", "X_Kept": "1"} | fields)), RECEIVED, POLICY
    )
    assert isinstance(decision, Store)
    assert not decision.fields.names() & gone
    assert "x-kept" in decision.fields


def test_tags_and_groups_are_read():
    decision = decide_storing(
        get(),
        response(Surrogate_Key="a b", Cache_Tag="c, a", Cache_Groups='"g1", "g 2", tok', **OK),
        RECEIVED,
        POLICY,
    )
    assert isinstance(decision, Store)
    assert decision.tags == ("a", "b", "c")
    assert decision.groups == ("g1", "g 2")


NAME = st.sampled_from(
    ["Cache-Control", "Expires", "Vary", "Connection", "ETag", "Set-Cookie", "Cache-Groups", "Age", "X-Y"]
)
VALUE = st.one_of(
    st.text(), st.sampled_from(["private", "max-age=60", "X-Y", "public", "no-cache", '"x', "private=x-y"])
)


@given(st.lists(st.tuples(NAME, VALUE), max_size=8), st.integers(100, 599))
def test_anything_is_decided_and_private_is_never_stored(pairs, status):
    head = ResponseHead(status, Fields([("Date", DATE), *pairs]))
    decision = decide_storing(get(), head, RECEIVED, POLICY)
    if isinstance(decision, Store):
        assert "private" not in [
            one.strip() for one in (head.fields.get("cache-control") or "").lower().split(",")
        ]
        named = [one.strip().lower() for one in (head.fields.get("connection") or "").split(",")]
        assert not decision.fields.names() & set(named)
