"""What an unsafe request makes invalid (RFC 9111 §4.4, RFC 9875)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.rules.invalidation import invalidated_groups, invalidated_uris
from httpcache.settings import SitePolicy
from tests.rules.things import get, response

OWN = "site.example/dir/a?x"

CASES = [
    ("the target", "POST", 200, {}, {OWN}),
    ("an unknown method may change something", "BREW", 204, {}, {OWN}),
    ("a redirect is no error", "PUT", 303, {}, {OWN}),
    ("an error invalidates nothing", "POST", 404, {}, set()),
    ("a safe method invalidates nothing", "GET", 200, {"Location": "/b"}, set()),
    ("Location by path", "POST", 201, {"Location": "/b"}, {OWN, "site.example/b"}),
    ("Location relative", "POST", 201, {"Location": "b?c#d"}, {OWN, "site.example/dir/b?c"}),
    ("Location with dots", "POST", 201, {"Location": "../../b/./c/.."}, {OWN, "site.example/b/"}),
    (
        "Content-Location absolute",
        "POST",
        200,
        {"Content_Location": "http://site.example/c"},
        {OWN, "site.example/c"},
    ),
    ("a reference without a scheme", "POST", 200, {"Location": "//site.example/c"}, {OWN, "site.example/c"}),
    ("a fragment is no part of a target", "POST", 201, {"Location": "/b#c"}, {OWN, "site.example/b"}),
    ("the own port, told", "POST", 201, {"Location": "HTTP://Site.Example:80/b"}, {OWN, "site.example/b"}),
    ("an origin alone", "POST", 201, {"Location": "http://site.example"}, {OWN, "site.example/"}),
    ("a query alone", "POST", 201, {"Location": "?y"}, {OWN, "site.example/dir/a?y"}),
    ("another scheme of no HTTP", "POST", 201, {"Location": "data:,b"}, {OWN}),
    ("another host", "POST", 201, {"Location": "http://other.example/b"}, {OWN}),
    ("another host that begins alike", "POST", 201, {"Location": "http://site.example.evil/b"}, {OWN}),
    ("another port", "POST", 201, {"Location": "http://site.example:81/b"}, {OWN}),
    ("another scheme", "POST", 201, {"Location": "https://site.example/b"}, {OWN}),
    ("user information", "POST", 201, {"Location": "http://site.example@evil/b"}, {OWN}),
]


@pytest.mark.requirement("9111§4.4 invalidate-target")
@pytest.mark.requirement("9111§4.4 same-origin-only")
@pytest.mark.requirement("9111§4.4 methods-of-unknown-safety-invalidate")
@pytest.mark.requirement("9111§4.4 errors-invalidate-nothing")
@pytest.mark.parametrize(
    ("method", "status", "fields", "uris"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_invalidated_uris(method, status, fields, uris):
    assert set(invalidated_uris(get(method, "/dir/a?x"), response(status, **fields), ())) == uris


@pytest.mark.requirement("9111§4.4 invalidate-target")
@pytest.mark.parametrize("status", [200, 201, 202, 204, 299, 301, 303, 304, 308])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "MKCOL", "post", "M-SEARCH"])
def test_each_status_that_is_no_error_invalidates(method, status):
    assert OWN in invalidated_uris(get(method, "/dir/a?x"), response(status), ())


@pytest.mark.requirement("9111§4.4 errors-invalidate-nothing")
@pytest.mark.parametrize("status", [103, 400, 409, 412, 500, 503, 600])
def test_no_other_status_invalidates(status):
    head = response(status, Location="/b", Cache_Group_Invalidation='"a"')
    assert invalidated_uris(get("POST", "/dir/a?x"), head, ()) == ()
    assert invalidated_groups(get("POST"), head) == ()


@pytest.mark.requirement("9111§4.4 invalidate-target")
@pytest.mark.parametrize("target", ["/dir/./a/../b", "/dir/%2E/a/%2e%2E/b", "/dir/./a/../b?x"])
def test_a_target_with_dot_segments_is_invalidated_by_both_its_names(target):
    query = target.partition("?")[1:]
    both = {f"site.example/dir/./a/../b{''.join(query)}", f"site.example/dir/b{''.join(query)}"}
    assert set(invalidated_uris(get("POST", target), response(204), ())) == both


def test_what_is_invalidated_is_named_as_the_cache_key_names_it():
    sites = (SitePolicy(query="ignore"),)
    uris = invalidated_uris(get("POST", "/a?x"), response(201, Location="/b?y"), sites)
    assert uris == ("site.example/a", "site.example/b")


@pytest.mark.requirement("9875§3 ignored-on-safe-methods")
@pytest.mark.requirement("9875§3 groups-are-invalidated")
def test_groups_are_a_list_of_strings_and_only_of_unsafe_requests():
    head = response(200, Cache_Group_Invalidation='"a", "b c", token')
    assert invalidated_groups(get("POST"), head) == ("a", "b c")
    assert invalidated_groups(get("GET"), head) == ()


@given(st.text())
def test_any_location_stays_on_the_origin_of_the_request(text):
    for uri in invalidated_uris(get("POST"), response(201, Location=text), ()):
        assert uri.startswith("site.example/")
