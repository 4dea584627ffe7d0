"""The cache key (RFC 9111 §2) and the operator's policy for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields, RequestHead
from httpcache.rules.cache_key import cache_key, normal_target, policy_for, uri_of_url
from httpcache.settings import SitePolicy
from tests.rules.things import POLICY, get

TARGETS = [
    ("as it is", POLICY, "/a?b=2&a=1", "/a?b=2&a=1"),
    ("without the query", SitePolicy(query="ignore"), "/a?b=2", "/a"),
    ("only some parameters", SitePolicy(query_only=("a",)), "/x?b=2&a=1&c", "/x?a=1"),
    (
        "without some parameters",
        SitePolicy(query_without=("utm_*", "fbclid")),
        "/x?utm_source=q&a=1&fbclid=9",
        "/x?a=1",
    ),
    ("sorted", SitePolicy(query_sorted=True), "/x?b=2&a=1", "/x?a=1&b=2"),
    (
        "allowed and then denied",
        SitePolicy(query_only=("a*",), query_without=("ab",)),
        "/x?ab=1&ac=2",
        "/x?ac=2",
    ),
    ("names compare with case", SitePolicy(query_without=("A",)), "/x?a=1&A=2", "/x?a=1"),
    ("one value sorted after another of its name", SitePolicy(query_sorted=True), "/x?a=2&a=1", "/x?a=1&a=2"),
    ("an empty query is another target", POLICY, "/x?", "/x?"),
    ("percent-encoding is left alone", POLICY, "/%7Ex", "/%7Ex"),
    ("nothing left", SitePolicy(query_without=("*",)), "/x?b=2", "/x"),
]


@pytest.mark.parametrize(
    ("policy", "target", "expected"), [c[1:] for c in TARGETS], ids=[c[0] for c in TARGETS]
)
def test_the_query_is_treated_as_the_policy_says(policy, target, expected):
    assert normal_target(target, policy) == expected


@pytest.mark.requirement("9111§4 target-uri-must-match")
@pytest.mark.parametrize(
    "other",
    [
        pytest.param(RequestHead("GET", "https", "site.example", "/a"), id="another scheme"),
        pytest.param(RequestHead("GET", "http", "site.example:81", "/a"), id="another port"),
        pytest.param(RequestHead("GET", "http", "other.example", "/a"), id="another host"),
        pytest.param(RequestHead("GET", "http", "site.example", "/A"), id="another case of the path"),
        pytest.param(RequestHead("GET", "http", "site.example", "/a?"), id="an empty query"),
        pytest.param(RequestHead("GET", "http", "site.example", "/a/"), id="a slash more"),
    ],
)
def test_another_target_has_another_key(other):
    assert cache_key(other, POLICY).key != cache_key(get(), POLICY).key


def test_a_cookie_cannot_pass_for_another():
    policy = SitePolicy(cookies=("a", "b"))
    keys = {
        cache_key(get(Cookie=text), policy).key
        for text in ("a=1; b=2", "a=1", "b=2", "a=1,b=2", "x=1", "a=2; b=1")
    }
    assert len(keys) == 6
    assert cache_key(get(Cookie="b=2; z=9;a=1"), policy).key in keys


@given(st.permutations([("A", "1"), ("B", "2"), ("Cookie", "lang=de"), ("Accept", "*/*")]))
def test_the_key_does_not_change_with_the_order_of_fields(pairs):
    request = RequestHead("GET", "http", "site.example", "/a", Fields(pairs))
    assert cache_key(request, SitePolicy(cookies=("lang",))).key == "http://site.example/a\nlang=de"


def test_scheme_and_host_are_part_of_the_key():
    key = cache_key(get(), POLICY)
    assert (key.key, key.uri) == ("http://site.example/a", "site.example/a")


def test_named_cookies_are_part_of_the_key_and_no_others():
    policy = SitePolicy(cookies=("lang",))
    one, two = (cache_key(get(Cookie=f"id={n}; lang=de"), policy).key for n in (1, 2))
    assert one == two != cache_key(get(Cookie="lang=fr"), policy).key


URLS = [
    ("http://Site.Example:80/a?b", "site.example/a?b"),
    ("https://site.example", "site.example/"),
    ("https://site.example:8443/x", "site.example:8443/x"),
    ("site.example/a", "site.example/a"),
    ("http://site.example?q=1", "site.example/?q=1"),
    ("ftp://site.example/a", None),
    ("/a", None),
    ("", None),
]


@pytest.mark.parametrize(("url", "uri"), URLS)
def test_an_order_names_what_the_key_names(url, uri):
    assert uri_of_url(url, ()) == uri


def test_an_order_for_a_url_is_normalised_as_the_requests_for_it_are():
    sites = (SitePolicy(host="site.example", query_sorted=True),)
    assert uri_of_url("http://site.example/a?b=2&a=1", sites) == "site.example/a?a=1&b=2"


@given(st.lists(st.sampled_from("abcd"), max_size=6), st.randoms())
def test_sorted_keys_do_not_change_with_the_order_of_parameters(names, chance):
    query = [f"{name}={index}" for index, name in enumerate(names)]
    shuffled = chance.sample(query, len(query))
    policy = SitePolicy(query_sorted=True)
    assert normal_target("/a?" + "&".join(query), policy) == normal_target("/a?" + "&".join(shuffled), policy)


def test_a_named_host_comes_before_a_wildcard_and_the_longest_prefix_wins():
    sites = tuple(
        SitePolicy(host=host, prefix=prefix)
        for host, prefix in [("*", "/a/b"), ("*.example", "/"), ("w.example", "/"), ("w.example", "/a")]
    )
    assert policy_for(sites, "w.example", "/a/b") is sites[3]
    assert policy_for(sites, "w.example", "/x") is sites[2]
    assert policy_for(sites, "v.example", "/a/b") is sites[1]
    assert policy_for(sites, "other", "/a/b") is sites[0]
    assert policy_for(sites, "other", "/").default_ttl is None


SPELT = ["/private/a", "/%70rivate/a", "/x/../private/a", "/x/%2e%2E/private/a", "/./private/a"]


@pytest.mark.parametrize("path", SPELT)
def test_the_policy_of_a_path_holds_in_whatever_spelling(path):
    """Else an order under one spelling would miss what is stored under another."""
    for prefix in ("/private", "/%70rivate"):
        site = SitePolicy(prefix=prefix, bypass=True)
        assert policy_for((site,), "h", path) is site
        assert not policy_for((site,), "h", "/private/../a").bypass
