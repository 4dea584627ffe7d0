"""The target URI of a request (RFC 9112 §3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.rules.decisions import Refusal
from httpcache.rules.request_target import Target, normal_authority, read_target

CASES = [
    ("origin form", "GET", "/a?b=c", ["Example.com"], Target("http", "example.com", "/a?b=c")),
    ("the scheme's own port goes", "GET", "/", ["a.example:80"], Target("http", "a.example", "/")),
    ("another port stays", "GET", "/", ["a.example:8080"], Target("http", "a.example:8080", "/")),
    ("an IPv6 literal", "GET", "/", ["[::1]:8080"], Target("http", "[::1]:8080", "/")),
    (
        "an absolute form replaces Host",
        "GET",
        "http://B.example/x",
        ["a.example"],
        Target("http", "b.example", "/x"),
    ),
    (
        "an absolute form without a path",
        "GET",
        "http://b.example?q",
        ["a"],
        Target("http", "b.example", "/?q"),
    ),
    ("an asterisk with OPTIONS", "OPTIONS", "*", ["a"], Target("http", "a", "*")),
    ("an asterisk with GET is refused", "GET", "*", ["a"], Refusal(400, "target-form")),
    ("no Host is refused", "GET", "/", [], Refusal(400, "host-field")),
    ("two Hosts are refused", "GET", "/", ["a", "a"], Refusal(400, "host-field")),
    ("an empty Host is refused", "GET", "/", [""], Refusal(400, "host-field")),
    ("user information is refused", "GET", "/", ["me@a"], Refusal(400, "host-field")),
    ("a port out of range is refused", "GET", "/", ["a:99999"], Refusal(400, "host-field")),
    ("a path without a slash is refused", "GET", "a", ["a"], Refusal(400, "target-form")),
    ("a control character is refused", "GET", "/a\x01", ["a"], Refusal(400, "target-form")),
    ("octets that are no UTF-8 are refused", "GET", "/a\udce9", ["a"], Refusal(400, "target-form")),
    ("a fragment is refused", "GET", "/a#b", ["a"], Refusal(400, "target-form")),
    ("CONNECT is not served", "CONNECT", "a:443", ["a:443"], Refusal(501, "connect-not-served")),
]


@pytest.mark.parametrize(
    ("method", "target", "hosts", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_read_target(method, target, hosts, expected):
    assert read_target(method, target, hosts, "http", is_http_11=True) == expected


@given(st.text(), st.text())
def test_any_text_is_a_target_or_a_refusal(target, host):
    assert isinstance(read_target("GET", target, [host], "http", is_http_11=True), Target | Refusal)


@given(st.from_regex(r"[a-z0-9.-]{1,20}(:[0-9]{1,5})?", fullmatch=True))
def test_normalising_an_authority_twice_changes_nothing_more(text):
    once = normal_authority(text, "http")
    assert once is None or normal_authority(once, "http") == once
