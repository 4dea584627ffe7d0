"""Answers that no stored response gives: refusals, failures of the next hop, and responses that are passed on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from httpcache.rules.answers import Context, failed, passed_head, refused_handling
from httpcache.rules.dates import format_http_date
from httpcache.rules.decisions import Handling, Refusal, Served
from httpcache.rules.forwarding import Identity
from httpcache.settings import CodingSettings
from tests.rules.things import NOW, lines, response

HIT = Handling(Served.HIT, hit=True)
TO_CLIENTS = Context(Identity("edge-1"), True, CodingSettings(), NOW)


def test_an_answer_of_our_own_says_why_and_is_not_to_be_stored():
    head, body = failed(
        Refusal(502, "connection_refused"),
        Handling(Served.ERROR, detail="connection-refused"),
        TO_CLIENTS,
        "connection_refused",
        "no connection",
    )
    assert (head.status, body) == (502, b"502 no connection\n")
    assert head.fields.get("cache-control") == "no-store"
    assert head.fields.get("proxy-status") == 'edge-1;error=connection_refused;details="no connection"'
    assert head.fields.get("cache-status") == "edge-1;detail=connection-refused"
    assert "age" not in head.fields


@pytest.mark.parametrize(
    ("status", "why"),
    [(400, "bad-host"), (413, "content-too-large"), (414, "target-too-long"), (431, "too-many-fields"), (504, "only-if-cached"), (508, "loop")],
)  # fmt: skip
def test_a_refusal_names_its_reason_in_a_short_text(status, why):
    refusal = Refusal(status, why)
    head, body = failed(refusal, refused_handling(refusal), TO_CLIENTS)
    assert (head.status, body) == (status, f"{status} {why}\n".encode())
    assert head.fields.get("content-type") == "text/plain; charset=utf-8"
    assert head.fields.all("content-length") == (str(len(body)),)
    assert head.fields.get("cache-status") == f"edge-1;detail={why}"


def test_an_answer_of_our_own_without_content_has_no_length():
    head, body = failed(Refusal(204, "max-forwards"), HIT, TO_CLIENTS)
    assert body == b""
    assert not head.fields.names() & {"content-length", "content-type"}


def test_a_response_that_is_passed_on_keeps_its_fields_and_gains_ours():
    head = passed_head(
        response(299, X="1", Cache_Tag="t", Connection="close"), Handling(Served.BYPASS), TO_CLIENTS
    )
    assert head.status == 299
    assert head.fields.names() == {"date", "x", "via", "cache-status"}


@pytest.mark.requirement("9110§6.6.1 date-is-added-when-forwarded")
@pytest.mark.parametrize("date", [{}, {"Date": "no date"}])
def test_a_response_that_is_passed_on_has_a_date(date):
    one = replace(response(), fields=lines(**date))
    assert passed_head(one, HIT, TO_CLIENTS).fields.all("date") == (format_http_date(NOW),)
