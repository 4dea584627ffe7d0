"""Answers made ready: only such as stand, and nothing of a request that could change them goes unnoticed."""

from __future__ import annotations

import pytest

from httpcache.messages import Fields, Form, RequestHead, StoredResponse
from httpcache.rules import answers
from httpcache.rules.decisions import Candidate, Standing
from httpcache.rules.forwarding import Identity
from httpcache.serve import ready as module
from httpcache.serve.ready import ANY, Noting, make_ready, name_of
from httpcache.settings import CodingSettings, SitePolicy

NOW = 2000.5
CONTEXT = answers.Context(Identity("edge"), True, CodingSettings(), NOW)


def stored(*lines: tuple[str, str], selecting=()) -> StoredResponse:
    """A response of ten octets, stored half a second ago."""
    fields = Fields((("Date", "Thu, 01 Jan 1970 00:33:20 GMT"), ("ETag", '"1"'), *lines))
    form = Form("", "body", 10, ((0, 10),))
    return StoredResponse(
        "http://a/x", "a/x", 200, "", fields, 2000.0, 2000.0, selecting=selecting, forms=(form,)
    )


def made(one: StoredResponse, *lines: tuple[str, str], standing: Standing = Standing.GOOD):
    """What is made ready for a GET with these fields."""
    request = RequestHead("GET", "http", "a", "/x", Fields((("Host", "a"), *lines)))
    candidates = [Candidate(one, standing)]
    return make_ready(request, candidates, SitePolicy(), "http://a/x", CONTEXT, codes=True)


FRESH = ("Cache-Control", "max-age=60")


def test_a_fresh_response_is_ready_and_only_age_and_ttl_change():
    ready, composed = made(stored(FRESH))
    head = ready.head
    assert composed.spans == ((0, 10),)
    assert b"\r\nAge: 0\r\n" in head
    assert b";ttl=59;" in head
    for age, ttl in ((1, 58), (51, 9), (100, 5), (7, 123456)):
        ready.tell(age, ttl)
        assert ready.head == head.replace(b"Age: 0", b"Age: %d" % age).replace(b"ttl=59", b"ttl=%d" % ttl)


@pytest.mark.parametrize(
    ("lines", "asks"),
    [
        ([("Cache-Control", "max-age=0")], []),
        ([("Cache-Control", "no-cache")], []),
        ([("Cache-Control", "private")], []),
        ([("Cache-Control", "max-age=0, stale-while-revalidate=60")], []),
        ([FRESH], [("Cache-Control", "max-age=30")]),
        ([FRESH], [("Cache-Control", "min-fresh=5")]),
        ([FRESH], [("Cache-Control", "max-stale")]),
        ([FRESH], [("Cache-Control", "no-cache")]),
        ([FRESH], [("Pragma", "no-cache")]),
        ([FRESH], [("Range", "bytes=0-1,4-5")]),
        ([FRESH], [("Range", "bytes=90-")]),
        ([FRESH, ("X-Name", "caf\udce9")], []),
    ],
)
def test_what_does_not_stand_is_not_made_ready(lines, asks):
    assert made(stored(*lines), *asks) is None


@pytest.mark.parametrize("standing", [one for one in Standing if one is not Standing.GOOD])
def test_what_is_not_good_is_not_made_ready(standing):
    assert made(stored(FRESH), standing=standing) is None


def test_requests_that_vary_have_answers_of_their_own():
    one = stored(FRESH, ("Vary", "X-Kind"), selecting=(("x-kind", "b"),))
    assert made(one, ("X-Kind", "b")) is not None
    assert made(one, ("X-Kind", "c")) is None
    assert name_of("GET", None, {"x-kind": "b"}, ("x-kind",)) != name_of(
        "GET", None, {"x-kind": "c"}, ("x-kind",)
    )


def test_a_rule_that_asks_for_a_field_that_does_not_select_ends_readiness(monkeypatch):
    decide = module.decide_reuse

    def curious(request, *rest):
        request.fields.get("user-agent")
        return decide(request, *rest)

    assert made(stored(FRESH)) is not None
    monkeypatch.setattr(module, "decide_reuse", curious)
    assert made(stored(FRESH)) is None


def test_whoever_looks_at_all_fields_is_noted():
    fields = Noting([("A", "b")])
    assert (fields.get("a"), fields.all("a"), "c" in fields) == ("b", ("b",), False)
    assert fields.asked == {"a", "c"}
    for look in (list, Noting.names, lambda one: one.without({"a"})):
        one = Noting([("A", "b")])
        look(one)
        assert ANY in one.asked
