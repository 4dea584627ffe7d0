"""The heads of answers: put together here alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from httpcache.messages import Form
from httpcache.rules.answers import Context, compose, failed, passed_head
from httpcache.rules.decisions import Handling, Refusal, Served
from httpcache.rules.forwarding import Identity
from httpcache.settings import CodingSettings
from tests.rules.things import NOW, get, response, stored

HIT = Handling(Served.HIT, hit=True)
TO_CLIENTS = Context(Identity("edge-1"), True, CodingSettings(), NOW)
TO_TIERS = replace(TO_CLIENTS, to_clients=False)
TEXT = replace(
    stored(
        ETag='"1"',
        Content_Type="text/plain",
        Cache_Control="max-age=9",
        Content_Length="5000",
        Surrogate_Key="t",
        X="1",
    ),
    forms=(Form("", "i", 5000, ((0, 5000),)), Form("br", "i-br", 70, ((0, 70),))),
)


def composed(request=None, one=TEXT, age=5, context=TO_CLIENTS):
    return compose(request or get(), one, age, HIT, context, lambda: "BOUNDARY")


@pytest.mark.requirement("9111§4 age-generated")
def test_age_replaces_what_came_and_everything_else_stays():
    head = composed(one=stored(Age="77", X="1", Content_Length="10")).head
    assert head.fields.all("age") == ("5",)
    assert head.fields.get("x") == "1"
    assert head.fields.all("content-length") == ("10",)


def test_date_is_added_when_it_is_missing():
    one = stored(Date="x")
    one = replace(one, fields=one.fields.without({"date"}))
    assert composed(one=one).head.fields.get("date") == "Tue, 14 Nov 2023 22:13:20 GMT"


def test_a_client_that_reads_br_gets_that_form_with_its_own_head():
    answer = composed(get(Accept_Encoding="br"))
    assert (answer.form.coding, answer.length, answer.spans) == ("br", 70, ((0, 70),))
    assert answer.head.fields.get("etag") == '"1-br"'
    assert answer.head.fields.all("content-length") == ("70",)
    assert answer.head.fields.get("vary") == "Accept-Encoding"


def test_identity_of_what_could_be_coded_varies_too():
    answer = composed()
    assert (answer.form.coding, answer.length) == ("", 5000)
    assert answer.head.fields.get("vary") == "Accept-Encoding"


def test_between_tiers_there_is_only_the_form_as_received_with_its_tags():
    answer = composed(get(Accept_Encoding="br"), context=TO_TIERS)
    assert answer.form.coding == ""
    assert answer.head.fields.get("surrogate-key") == "t"
    assert "surrogate-key" not in composed().head.fields


@pytest.mark.requirement("9110§15.4.5 fields-of-a-304")
def test_a_304_has_the_fields_it_must_carry_and_none_of_the_content():
    answer = composed(get(If_None_Match='"1-br"', Accept_Encoding="br"))
    assert answer.head.status == 304
    assert answer.head.fields.names() == {
        "date",
        "etag",
        "cache-control",
        "vary",
        "age",
        "via",
        "cache-status",
    }
    assert answer.spans == ()


def test_the_tag_of_another_form_is_not_a_match():
    assert composed(get(If_None_Match='"1-br"')).head.status == 200


@pytest.mark.requirement("9110§15.3.7 single-part-206")
def test_a_range_of_a_coded_form_is_of_its_octets():
    answer = composed(get(Range="bytes=60-", Accept_Encoding="br"))
    assert (answer.head.status, answer.spans, answer.length) == (206, ((60, 70),), 10)
    assert answer.head.fields.get("content-range") == "bytes 60-69/70"


@pytest.mark.requirement("9110§15.3.7.2 multipart-206")
def test_several_ranges_are_parts_without_a_content_range_of_the_whole():
    answer = composed(get(Range="bytes=0-1,8-9"))
    assert answer.head.fields.get("content-type") == "multipart/byteranges; boundary=BOUNDARY"
    assert "content-range" not in answer.head.fields
    assert len(answer.parts) == 3


@pytest.mark.requirement("9110§15.5.17 unsatisfied-range")
def test_a_416_tells_the_length():
    answer = composed(get(Range="bytes=9999-"))
    assert (answer.head.status, answer.head.fields.get("content-range"), answer.length) == (
        416,
        "bytes */5000",
        0,
    )


def test_a_failed_condition_is_a_412_without_content():
    answer = composed(get(If_Match='"2"'))
    assert (answer.head.status, answer.head.fields.get("content-length"), answer.spans) == (412, "0", ())


def test_no_range_applies_while_the_length_is_not_known():
    arriving = replace(TEXT, forms=(Form("", "i", None),))
    answer = composed(get(Range="bytes=0-1"), one=arriving)
    assert (answer.head.status, answer.length) == (200, None)
    assert "content-length" not in answer.head.fields


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


def test_a_response_that_is_passed_on_keeps_its_fields_and_gains_ours():
    head = passed_head(
        response(299, X="1", Cache_Tag="t", Connection="close"), Handling(Served.BYPASS), TO_CLIENTS
    )
    assert head.status == 299
    assert head.fields.names() == {"date", "x", "via", "cache-status"}
