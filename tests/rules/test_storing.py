"""Whether and how a response is stored (RFC 9111 §3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields, ResponseHead
from httpcache.rules.decisions import DoNotStore, NotStoredReason, Store
from httpcache.rules.forwarding import HOP_BY_HOP
from httpcache.rules.storing import decide_storing, purge_tags
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
    ("must-understand and no-store and an unknown status", {}, 599, {"Cache_Control": "max-age=60, must-understand, no-store"}, "status"),
    ("must-understand does not override private", {}, 200, {"Cache_Control": "max-age=60, must-understand, private"}, "private"),
    ("no-store in upper case on another line", {}, 200, {"Cache_Control": "max-age=60, NO-STORE"}, "no-store"),
    ("private with names that are none", {}, 200, {"Cache_Control": 'max-age=60, private="x'}, "private"),
    ("no-store after a quote that nothing closes", {}, 200, {"Cache_Control": 'max-age=60, x="a, no-store'}, "no-store"),
    ("no-store within a quoted string is none", {}, 200, {"Cache_Control": 'max-age=60, x="a, no-store"'}, None),
    ("Authorization and private (§3.5)", {"Authorization": "x"}, 200, {"Cache_Control": "max-age=60, public, private"}, "private"),
    ("Authorization and proxy-revalidate", {"Authorization": "x"}, 200, {"Cache_Control": "max-age=60, proxy-revalidate"}, "authorization"),
    ("Authorization and public that a targeted field hides", {"Authorization": "x"}, 200, {"Cache_Control": "public", "CDN_Cache_Control": "max-age=60"}, "authorization"),
    ("Expires in the future", {}, 302, {"Expires": "Tue, 14 Nov 2024 22:13:20 GMT"}, None),
    ("Expires in the past and no validator", {}, 200, {"Expires": "0"}, "no-freshness-nor-validator"),
    ("Expires that a targeted field hides, of an error", {}, 500, {"Expires": "Tue, 14 Nov 2024 22:13:20 GMT", "CDN_Cache_Control": "must-revalidate"}, "status"),
    ("Last-Modified alone", {}, 200, {"Last_Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}, None),
    ("Last-Modified that is no date", {}, 200, {"Last_Modified": "once"}, "no-freshness-nor-validator"),
    ("public error with Last-Modified", {}, 500, {"Cache_Control": "public", "Last_Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}, None),
    ("no-cache and a validator (§5.2.2.4)", {}, 200, {"Cache_Control": "no-cache", "ETag": '"1"'}, None),
    ("no-cache and no validator is of no use", {}, 200, {"Cache_Control": "no-cache, max-age=60"}, "no-freshness-nor-validator"),
    ("stale at once, but for a while usable (5861 §3)", {}, 200, {"Cache_Control": "max-age=0, stale-while-revalidate=30"}, None),
    ("stale at once, and not usable", {}, 200, {"Cache_Control": "max-age=0, must-revalidate, stale-while-revalidate=30"}, "no-freshness-nor-validator"),
    ("an interim response (§3)", {}, 103, OK, "status"),
    ("switching protocols (§3)", {}, 101, OK, "status"),
    ("Vary: * among others", {}, 200, {"Cache_Control": "max-age=60", "Vary": "X, *"}, "vary-star"),
    ("Vary: * on a line of its own", {}, 200, {"Cache_Control": "max-age=60", "Vary": ", *"}, "vary-star"),
    ("206", {}, 206, OK, "partial"),
    ("304", {}, 304, OK, "status"),
    ("targeted no-store wins", {}, 200, {"Cache_Control": "max-age=60", "CDN_Cache_Control": "no-store"}, "no-store"),
    ("targeted freshness wins over no-store", {}, 200, {"Cache_Control": "no-store", "CDN_Cache_Control": "max-age=5"}, None),
]  # fmt: skip


@pytest.mark.requirement("9111§3 store-only-when-allowed")
@pytest.mark.requirement("9111§3 final-status-only")
@pytest.mark.requirement("9111§3.5 authorization-only-where-allowed")
@pytest.mark.requirement("9111§5.2.1.5 request-no-store-is-not-stored")
@pytest.mark.requirement("9111§5.2.2.3 must-understand-needs-an-understood-status")
@pytest.mark.requirement("9111§5.2.2.3 must-understand-overrides-no-store")
@pytest.mark.requirement("9111§5.2.2.5 no-store-is-not-stored")
@pytest.mark.requirement("9111§5.2.2.7 private-is-not-stored")
@pytest.mark.requirement("9213§2.2 targeted-field-replaces-cache-control-and-expires")
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
@pytest.mark.requirement("9110§9.3.3 post-only-with-freshness-and-content-location")
@pytest.mark.parametrize(("fields", "is_stored"), [c[1:] for c in POSTS], ids=[c[0] for c in POSTS])
def test_the_response_to_a_post_is_stored_only_where_it_is_what_a_get_would_get(fields, is_stored):
    decision = decide_storing(get("POST"), response(**fields), RECEIVED, POLICY)
    assert isinstance(decision, Store) is is_stored


def test_the_response_to_a_post_that_failed_or_created_answers_no_get():
    fields = {"Content_Location": "/a", "Cache_Control": "max-age=9"}
    for status in (201, 202, 303, 404, 500):
        decision = decide_storing(get("POST"), response(status, **fields), RECEIVED, POLICY)
        assert decision == DoNotStore(NotStoredReason.METHOD)


COOKIES = [
    ("not without a word", {"Cache_Control": "max-age=60"}, False),
    ("public", {"Cache_Control": "max-age=60, public"}, True),
    ("s-maxage", {"Cache_Control": "s-maxage=60"}, True),
    ("targeted freshness", {"CDN_Cache_Control": "max-age=60"}, True),
    ("a targeted field without freshness", {"CDN_Cache_Control": "must-revalidate", "ETag": '"1"'}, False),
    ("Surrogate-Control with freshness", {"Surrogate_Control": "max-age=60"}, True),
]


@pytest.mark.parametrize(("fields", "is_stored"), [c[1:] for c in COOKIES], ids=[c[0] for c in COOKIES])
def test_a_response_that_sets_a_cookie_is_stored_only_where_it_is_explicitly_for_all(fields, is_stored):
    head = response(Set_Cookie="a=b", **fields)
    decision = decide_storing(get(), head, RECEIVED, SitePolicy(set_cookie="strip"))
    assert isinstance(decision, Store) is is_stored
    assert decide_storing(get(), head, RECEIVED, POLICY) == DoNotStore(NotStoredReason.SET_COOKIE)


POLICIES = [
    ("the operator's lifetime makes it of use", SitePolicy(default_ttl=9), 200, {}, None),
    ("also for a 404 (negative caching)", SitePolicy(status_ttl={404: 9}), 404, {}, None),
    ("for an error only by its status", SitePolicy(default_ttl=9), 500, {}, "status"),
    ("as does the least lifetime", SitePolicy(min_ttl=9), 500, {}, "status"),
    ("by its status", SitePolicy(status_ttl={500: 9}), 500, {}, None),
    (
        "the least lifetime, of what may be stored",
        SitePolicy(min_ttl=9),
        200,
        {"Cache_Control": "max-age=0"},
        None,
    ),
    ("no lifetime overrides private", SitePolicy(min_ttl=9), 200, {"Cache_Control": "private"}, "private"),
    ("none at all", SitePolicy(max_ttl=0), 200, {"Cache_Control": "max-age=9"}, "no-freshness-nor-validator"),
    ("a site that bypasses", SitePolicy(bypass=True), 200, {"Cache_Control": "max-age=9"}, "bypass"),
]


@pytest.mark.parametrize(
    ("policy", "status", "fields", "reason"), [c[1:] for c in POLICIES], ids=[c[0] for c in POLICIES]
)
def test_what_the_operators_policy_changes(policy, status, fields, reason):
    decision = decide_storing(get(), response(status, **fields), RECEIVED, policy)
    assert (decision.reason if isinstance(decision, DoNotStore) else None) == reason


@pytest.mark.requirement("9110§6.6.1 date-is-added-when-stored")
@pytest.mark.parametrize("date", [[], [("Date", "yesterday")], [("Date", DATE), ("Date", DATE)]])
def test_a_response_without_a_date_is_stored_with_the_time_of_its_receipt(date):
    head = ResponseHead(200, Fields([*date, ("Cache-Control", "max-age=60")]))
    decision = decide_storing(get(), head, RECEIVED, POLICY)
    assert isinstance(decision, Store)
    assert decision.fields.all("date") == (DATE,)


@pytest.mark.requirement("9111§3.1 unrecognised-fields-are-stored")
def test_fields_that_nobody_knows_and_those_for_our_tiers_are_stored():
    fields = {
        "X_New": "1",
        "Surrogate_Key": "a",
        "Cache_Tag": "b",
        "CDN_Cache_Control": "max-age=9",
        "Warning": "110",
    }
    decision = decide_storing(get(), response(**fields), RECEIVED, POLICY)
    assert isinstance(decision, Store)
    assert decision.fields.names() >= {name.lower().replace("_", "-") for name in fields}


def test_the_values_of_the_selecting_fields_are_stored():
    request = get(Accept_Encoding="br, GZIP", X_A=" 1")
    decision = decide_storing(request, response(Vary="X-B, accept-encoding", **OK), RECEIVED, POLICY)
    assert isinstance(decision, Store)
    assert decision.selecting == (("accept-encoding", "br,gzip"), ("x-b", None))


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
    ("fields for one connection", {"TE": "x", "Upgrade": "h2c", "Proxy_Connection": "close", "Proxy_Authorization": "x"}, {"te", "upgrade", "proxy-connection", "proxy-authorization"}),
    ("fields that connection names in any case", {"Connection": "x-HOP", "X_Hop": "1"}, {"x-hop"}),
    ("fields named as a token (§5.2: recipients accept both)", {"Cache_Control": "max-age=9, private=X-User", "X_User": "1"}, {"x-user"}),
    ("framing", {"Transfer_Encoding": "chunked", "Trailer": "X"}, {"transfer-encoding", "trailer"}),
    ("fields named by no-cache (§5.2.2.4)", {"Cache_Control": 'max-age=9, no-cache="X-A, x-b"', "X_A": "1", "X_B": "2"}, {"x-a", "x-b"}),
    ("fields named by private (§5.2.2.7)", {"Cache_Control": 'max-age=9, private="X-User"', "X_User": "1"}, {"x-user"}),
]  # fmt: skip


@pytest.mark.requirement("9111§3.1 fields-not-stored")
@pytest.mark.requirement("9111§3.1 proxy-fields-are-not-stored")
@pytest.mark.requirement("9111§5.2.2.4 fields-named-by-no-cache-are-not-reused")
@pytest.mark.requirement("9111§5.2.2.7 fields-named-by-private-are-not-stored")
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


METHODS = st.sampled_from(["GET", "HEAD", "POST", "BREW"])


@given(st.lists(st.tuples(NAME, VALUE), max_size=8), st.integers(100, 599), METHODS)
def test_anything_is_decided_and_private_is_never_stored(pairs, status, method):
    head = ResponseHead(status, Fields([("Date", DATE), *pairs]))
    decision = decide_storing(get(method), head, RECEIVED, POLICY)
    if isinstance(decision, Store):
        told = (head.fields.get("cache-control") or "").lower()
        assert "private" not in [one.strip() for one in told.split(",")]
        named = [one.strip().lower() for one in (head.fields.get("connection") or "").split(",")]
        assert not decision.fields.names() & (set(named) | HOP_BY_HOP | {"set-cookie"})


@given(st.permutations(["max-age=60", "private", "public", 'no-cache="x"', "must-revalidate", "s-maxage=5"]))
def test_private_forbids_wherever_it_stands(directives):
    head = response(Cache_Control=", ".join(directives))
    assert decide_storing(get(), head, RECEIVED, POLICY) == DoNotStore(NotStoredReason.PRIVATE)


def test_a_tag_may_have_any_character_but_what_is_between_tags():
    fields = response(Surrogate_Key="a\u00a0b\tc,d  e", Cache_Tag="f\u00a0, g h").fields
    assert purge_tags(fields) == ("a\u00a0b", "c", "d", "e", "f\u00a0", "g h")
