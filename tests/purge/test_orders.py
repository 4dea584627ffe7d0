"""Orders as JSON: what is one, what is refused, and how names become those of stored responses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.purge.orders import Kind, Order, normalised, parse_order
from httpcache.purge.problems import Problem
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
    (Kind.HOST, "H.Example", "h.example"),
    (Kind.HOST, "[::1]:81", "[::1]:81"),
    (Kind.TAG, "Case counts", "Case counts"),
]


@pytest.mark.parametrize(("kind", "target", "name"), NAMES)
def test_names_are_those_of_stored_responses(kind, target, name):
    sites = (SitePolicy(host="h.example", prefix="/ignored", query="ignore"),)
    assert normalised(Order(kind, (target,)), sites).targets == (name,)


def test_an_order_this_node_cannot_name_is_for_everything():
    assert normalised(Order(Kind.URL, ("a/b", "::"), True), ()) == Order(Kind.EVERYTHING, (), True)
