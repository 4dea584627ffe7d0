"""Orders as JSON: what is one, what is refused, and how names become those of stored responses."""

from __future__ import annotations

import json
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields, RequestHead, StoredResponse
from httpcache.purge.orders import Kind, Order, normal_name, normalised, parse_order
from httpcache.purge.problems import Problem
from httpcache.purge.rights import Rights
from httpcache.purge.watermarks import Watermarks
from httpcache.rules.cache_key import cache_key, policy_for
from httpcache.settings import SitePolicy

GOOD = [
    ("a URL", {"kind": "url", "targets": ["http://h.example/a"]}, Order(Kind.URL, ("http://h.example/a",))),
    ("a soft tag", {"kind": "tag", "targets": ["a"], "soft": True}, Order(Kind.TAG, ("a",), True)),
    ("several hosts", {"kind": "host", "targets": ["a", "b:81"]}, Order(Kind.HOST, ("a", "b:81"))),
    ("everything", {"kind": "everything"}, Order(Kind.EVERYTHING)),
]


@pytest.mark.parametrize(("document", "order"), [g[1:] for g in GOOD], ids=[g[0] for g in GOOD])
def test_an_order_is_read(document, order):
    assert parse_order(json.dumps(document).encode(), 10) == (order, 0.0)


BAD = [
    ("no JSON", b"{", "order-malformed"),
    ("no object", b"[]", "order-malformed"),
    ("not UTF-8", b'{"kind":"\xff"}', "order-malformed"),
    ("deep", b'{"kind":' + b"[" * 100_000, "order-malformed"),
    ("an unknown kind", b'{"kind":"all"}', "order-malformed"),
    ("an unknown member", b'{"kind":"everything","sofft":true}', "order-malformed"),
    ("targets are text", b'{"kind":"tag","targets":[1]}', "order-malformed"),
    ("wait below 0", b'{"kind":"everything","wait":-1}', "wait-out-of-range"),
    ("wait too long", b'{"kind":"everything","wait":1e9}', "wait-out-of-range"),
    ("everything with targets", b'{"kind":"everything","targets":["a"]}', "targets-not-empty"),
    ("no targets", b'{"kind":"tag"}', "targets-empty"),
    ("too many", json.dumps({"kind": "tag", "targets": ["a"] * 11}).encode(), "too-many-targets"),
    ("an empty tag", b'{"kind":"tag","targets":[""]}', "target-malformed"),
    ("a tag with a comma", b'{"kind":"tag","targets":["a,b"]}', "target-malformed"),
    ("a host with a path", b'{"kind":"host","targets":["a/b"]}', "target-malformed"),
    ("a URL of another scheme", b'{"kind":"url","targets":["ftp://a/b"]}', "target-malformed"),
    ("a long URL", json.dumps({"kind": "url", "targets": ["a/" + "b" * 9000]}).encode(), "target-malformed"),
]


@pytest.mark.parametrize(("body", "error"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_what_is_no_order_is_a_400_that_says_why(body, error):
    problem = parse_order(body, 10)
    assert isinstance(problem, Problem)
    assert (problem.status, problem.error) == (400, error)
    assert len(problem.reason) < 400


@given(st.binary(max_size=60))
def test_any_octets_are_an_order_or_a_problem(body):
    parse_order(body, 10)


NAMES = [
    (Kind.URL, "HTTP://H.Example:80/A?b=1", "h.example/A?b=1"),
    (Kind.URL, "https://h.example:443", "h.example/"),
    (Kind.URL, "h.example/ignored?b=1", "h.example/ignored"),
    (Kind.PREFIX, "http://h.example", "h.example/"),
    (Kind.PREFIX, "http://h.example/a?b", "h.example/a?b"),
    (Kind.PREFIX, "http://h.example/ignored?b", "h.example/ignored"),
    (Kind.URL, "http://h.example/%7eA%2f%c3%a9?x=%5f%C3%A9", "h.example/~A%2F%C3%A9?x=_%C3%A9"),
    (Kind.URL, "http://h.example/é\u00a0?ü", "h.example/%C3%A9%C2%A0?%C3%BC"),
    (Kind.PREFIX, "http://h.example/%7e", "h.example/~"),
    (Kind.PREFIX, "http://h.example/a%7", "h.example/a"),
    (Kind.PREFIX, "http://h.example/a%", "h.example/a"),
    (Kind.PREFIX, "http://h.example/a?b=%5F", "h.example/a?b=_"),
    (Kind.HOST, "H.Example", "h.example"),
    (Kind.HOST, "[::1]:81", "[::1]:81"),
    (Kind.TAG, "Case counts", "Case counts"),
]


@pytest.mark.parametrize(("kind", "target", "name"), NAMES)
def test_names_are_those_of_stored_responses(kind, target, name):
    sites = (SitePolicy(host="h.example", prefix="/ignored", query="ignore"),)
    assert normalised(Order(kind, (target,)), sites).targets == (name,)


PORTS = [
    (Kind.HOST, "h.example:443", {"h.example", "h.example:443"}),
    (Kind.HOST, "H.Example.:0443", {"h.example", "h.example:443"}),
    (Kind.HOST, "h.example:80", {"h.example"}),
    (Kind.HOST, "[::1]:443", {"[::1]", "[::1]:443"}),
    (Kind.HOST, "h.example:81", {"h.example:81"}),
    (Kind.URL, "https://h.example:443/x", {"h.example/x"}),
    (Kind.URL, "http://h.example:80/x", {"h.example/x"}),
    (Kind.URL, "h.example:443/x", {"h.example/x", "h.example:443/x"}),
    (Kind.URL, "h.example:80/x?y", {"h.example/x?y", "h.example:80/x?y"}),
    (Kind.URL, "http://h.example:443/x", {"h.example/x", "h.example:443/x"}),
    (Kind.URL, "https://h.example:80", {"h.example/", "h.example:80/"}),
    (
        Kind.URL,
        "h.example:443/a/../x",
        {f"h.example{port}/{path}" for port in ("", ":443") for path in ("x", "a/../x")},
    ),
    (Kind.URL, "h.example:4430/x", {"h.example:4430/x"}),
    (Kind.PREFIX, "h.example:443/img/", {"h.example/img/", "h.example:443/img/"}),
    (Kind.PREFIX, "h.example:443", {"h.example/", "h.example:443/"}),
    (Kind.TAG, "a:443", {"a:443"}),
]


@pytest.mark.parametrize(("kind", "target", "names"), PORTS)
def test_a_port_that_either_scheme_may_drop_is_named_with_and_without(kind, target, names):
    assert set(normalised(Order(kind, (target,)), ()).targets) == names


def test_an_order_this_node_cannot_name_is_for_everything():
    assert normalised(Order(Kind.URL, ("a/b", "::"), True), ()) == Order(Kind.EVERYTHING, (), True)


PIECES = [
    "/",
    "a",
    "~",
    "%",
    ".",
    "é",
    "?",
    "=",
    "&",
    "%7E",
    "%7e",
    "%2F",
    "%2f",
    "%C3%A9",
    "%c3%a9",
    "\u00a0",
    "%zz",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.data())
def test_an_order_covers_a_target_in_whatever_spelling_it_was_asked_for(pieces, data):
    spellings = {"~": "%7E", "a": "%61", "é": "%c3%a9", ".": "%2e", "%2F": "%2f"}
    asked = [data.draw(st.sampled_from([piece, spellings.get(piece, piece)])) for piece in pieces]
    request = RequestHead("GET", "http", "h", "/" + "".join(asked), Fields(()))
    stored = cache_key(request, SitePolicy()).uri
    ordered = "http://h/" + "".join(pieces)
    assert normal_name(Kind.URL, ordered, ()) == stored
    cut = data.draw(st.integers(min_value=len("http://h/"), max_value=len(ordered)))
    prefix = normal_name(Kind.PREFIX, ordered[:cut], ())
    assert prefix is not None and stored.startswith(prefix)


DOTTED = ["/", "/.", "/..", "/%2e", "/.%2E", "/a", "/..a", "/b", "/.b", "?x=/../", "%2"]


def plain(url):
    """The resource that a URL leads to, by the standard library: the path of RFC 3986 §5.2.4."""
    path, mark, query = url.partition("?")
    path = urljoin("http://h/", path.replace("%2e", ".").replace("%2E", "."))
    return path.removeprefix("http://") + mark + query


@given(
    st.lists(st.sampled_from(DOTTED), min_size=1, max_size=6), st.sampled_from(["keep", "ignore"]), st.data()
)
def test_an_order_covers_a_target_with_dot_segments_and_the_one_they_lead_to(pieces, query, data):
    sites = (
        SitePolicy(host="h", prefix="/a", query=query),
        SitePolicy(host="h", prefix="/b", query_sorted=True),
    )
    target = "/" + "".join(pieces).lstrip("/")

    def covered(kind, name, asked):
        marks = Watermarks(100)
        marks.apply([(1, normalised(Order(kind, (name,)), sites))])
        request = RequestHead("GET", "http", "h", asked, Fields(()))
        uri = cache_key(request, policy_for(sites, "h", asked)).uri
        return marks.covers(StoredResponse("k", uri, 200, "", Fields(), 0.0, 0.0))

    leads_to = plain(target)
    assert covered(Kind.URL, f"h{target}", target)
    assert covered(Kind.URL, leads_to, target) and covered(Kind.URL, f"h{target}", leads_to.removeprefix("h"))
    cut = data.draw(st.integers(min_value=1, max_value=len(target)))
    assert covered(Kind.PREFIX, f"h{target[:cut]}", target)
    cut = data.draw(st.integers(min_value=2, max_value=len(leads_to)))
    assert covered(Kind.PREFIX, leads_to[:cut], target)


@given(
    st.lists(st.sampled_from(DOTTED), min_size=1, max_size=6),
    st.sampled_from([Kind.URL, Kind.PREFIX]),
    st.data(),
)
def test_no_spelling_leads_out_of_a_right(pieces, kind, data):
    sites = (SitePolicy(host="h", query="ignore"),)
    right = data.draw(
        st.sampled_from(["h/a", "h/a/", "h/a/..", "h/a?x", "h/..", "h/.%2e/", "h/a/%2e", "h/b/"])
    )
    order = Order(kind, ("h/" + "".join(pieces).lstrip("/"),))
    if Rights(prefixes=(right,)).missing_for(order) is None:
        assert all(name.startswith(("h/a", "h/b/")) for name in normalised(order, sites).targets)
        assert right in ("h/a", "h/a/", "h/b/")


@given(st.text(st.characters(exclude_categories=()), max_size=30), st.sampled_from(list(Kind)))
def test_any_text_is_a_name_or_none(text, kind):
    name = normal_name(kind, text, ())
    if kind in (Kind.URL, Kind.PREFIX, Kind.HOST) and name is not None:
        assert name.isascii()
