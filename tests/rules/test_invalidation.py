"""What an unsafe request makes invalid (RFC 9111 §4.4, RFC 9875)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.rules.invalidation import invalidated_groups, invalidated_uris
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
    ("another host", "POST", 201, {"Location": "http://other.example/b"}, {OWN}),
    ("another host that begins alike", "POST", 201, {"Location": "http://site.example.evil/b"}, {OWN}),
    ("another port", "POST", 201, {"Location": "http://site.example:81/b"}, {OWN}),
    ("another scheme", "POST", 201, {"Location": "https://site.example/b"}, {OWN}),
    ("user information", "POST", 201, {"Location": "http://site.example@evil/b"}, {OWN}),
]


@pytest.mark.requirement("9111§4.4 invalidate-target")
@pytest.mark.requirement("9111§4.4 same-origin-only")
@pytest.mark.parametrize(
    ("method", "status", "fields", "uris"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_invalidated_uris(method, status, fields, uris):
    assert set(invalidated_uris(get(method, "/dir/a?x"), response(status, **fields), ())) == uris


def test_groups_are_a_list_of_strings_and_only_of_unsafe_requests():
    head = response(200, Cache_Group_Invalidation='"a", "b c", token')
    assert invalidated_groups(get("POST"), head) == ("a", "b c")
    assert invalidated_groups(get("GET"), head) == ()


@given(st.text())
def test_any_location_stays_on_the_origin_of_the_request(text):
    for uri in invalidated_uris(get("POST"), response(201, Location=text), ()):
        assert uri.startswith("site.example/")
