"""What answers carry and what they never do (RFC 9111 §3.3, §5.2.1.6; RFC 9110 §6.6.1, §14, §15.3.7)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields, Form, ResponseHead
from httpcache.rules.answers import Context, compose, passed_head
from httpcache.rules.combining import combine
from httpcache.rules.dates import format_http_date, parse_http_date
from httpcache.rules.decisions import Candidate, Handling, Reuse, Served
from httpcache.rules.forwarding import Identity
from httpcache.rules.reuse import decide_reuse
from httpcache.settings import CodingSettings
from tests.rules.things import NOW, POLICY, get, response, stored

TO_CLIENTS = Context(Identity("edge-1"), True, CodingSettings(), NOW)
ABOUT = {
    "Cache_Control": "max-age=600",
    "ETag": '"1"',
    "Expires": format_http_date(NOW + 60),
    "Content_Location": "/a",
    "Vary": "X-A",
    "Content_Type": "text/plain",
    "Content_Language": "en",
    "Last_Modified": "Sun, 06 Nov 1994 08:49:37 GMT",
    "X_Own": "1",
}
REQUIRED = {"date", "cache-control", "etag", "expires", "content-location", "vary"}
WHOLE = replace(stored(**ABOUT), forms=(Form("", "id", 100, ((0, 100),)),))
PART = replace(WHOLE, forms=(Form("", "id", 100, ((10, 20),)),))


def composed(request, one=WHOLE):
    return compose(request, one, 5, Handling(Served.HIT, hit=True), TO_CLIENTS, lambda: "B")


@pytest.mark.requirement("9111§3.3 part-is-sent-as-206")
@given(st.integers(0, 100), st.integers(0, 100))
def test_what_is_held_in_part_answers_as_a_206_or_not_at_all(first, last):
    request = get(Range=f"bytes={first}-{last}")
    decision = decide_reuse(request, [Candidate(PART)], NOW, POLICY)
    if isinstance(decision, Reuse):
        answer = composed(request, decision.stored)
        assert answer.head.status == 206
        assert answer.spans == ((first, last + 1),)
        assert 10 <= first <= last < 20


@pytest.mark.requirement("9110§15.3.7 fields-of-a-206")
@pytest.mark.parametrize("wanted", ["bytes=0-1", "bytes=0-1, 8-9"])
def test_a_206_carries_the_fields_of_the_200(wanted):
    full, part = composed(get()).head.fields, composed(get(Range=wanted)).head.fields
    assert part.names() >= REQUIRED
    assert part.names() >= full.names() - {"accept-ranges"}


@pytest.mark.requirement("9110§15.3.7 no-more-fields-after-if-range")
def test_a_206_after_if_range_leaves_out_what_the_client_has():
    fields = composed(get(Range="bytes=0-1", If_Range='"1"')).head.fields
    assert fields.names() >= REQUIRED | {"content-range", "content-length"}
    assert not fields.names() & {"content-type", "content-language", "last-modified"}
    whole = composed(get(Range="bytes=0-1", If_Range='"2"')).head
    assert (whole.status, whole.fields.get("content-type")) == (200, "text/plain")


@pytest.mark.requirement("9110§15.3.7 no-more-fields-after-if-range")
def test_between_tiers_a_206_is_whole_as_it_may_be_the_first_that_is_stored():
    to_tiers = replace(TO_CLIENTS, to_clients=False)
    request = get(Range="bytes=0-1", If_Range='"1"')
    answer = compose(request, WHOLE, 5, Handling(Served.HIT, hit=True), to_tiers, lambda: "B")
    assert answer.head.fields.get("content-type") == "text/plain"


@pytest.mark.requirement("9111§5.2.1.6 request-no-transform")
def test_a_client_that_wants_no_transformation_gets_the_form_as_received():
    coded = replace(WHOLE, forms=(Form("", "id", 5000, ((0, 5000),)), Form("br", "br", 9, ((0, 9),))))
    assert composed(get(Accept_Encoding="br"), coded).form.coding == "br"
    plain = composed(get(Accept_Encoding="br", Cache_Control="no-transform"), coded)
    assert plain.form.coding == ""
    assert "Accept-Encoding" in (plain.head.fields.get("vary") or "")


@pytest.mark.requirement("9110§6.6.1 date-is-added-when-forwarded")
def test_a_response_without_a_date_is_passed_on_with_one():
    head = passed_head(ResponseHead(200, Fields([("X", "1")])), Handling(Served.BYPASS), TO_CLIENTS)
    assert head.fields.all("date") == (format_http_date(NOW),)


@pytest.mark.requirement("9110§5.6.7 dates-are-written-in-the-preferred-form")
@given(st.floats(0, 4e9))
def test_dates_are_written_in_the_preferred_form(when):
    text = format_http_date(when)
    assert len(text) == 29
    assert text.endswith(" GMT")
    assert parse_http_date(text, NOW) == int(when)


MADE_WHOLE = [
    pytest.param(((10, 100),), "bytes 0-9/100", True, id="the last part"),
    pytest.param(((10, 100),), "bytes 0-50/100", True, id="the last part, overlapping"),
    pytest.param(((10, 100),), "bytes 0-8/100", False, id="one octet is missing"),
]


@pytest.mark.requirement("9110§15.3.7.3 parts-that-make-a-whole-are-a-200")
@pytest.mark.parametrize(("held", "told", "complete"), MADE_WHOLE)
def test_parts_that_make_a_whole_are_a_whole_200(held, told, complete):
    one = replace(PART, forms=(Form("", "id", 100, held),))
    whole = combine(one, response(206, ETag='"1"', Content_Range=told), NOW, NOW)
    assert whole is not None
    assert whole.forms[0].is_complete is complete
    if complete:
        head = composed(get(), whole).head
        assert (head.status, head.fields.all("content-length")) == (200, ("100",))
        assert "content-range" not in head.fields


NOT_RECOMBINED = ["lines 0-9/100", "bytes 9-0/100", "bytes 0-100/100", "bytes 0-9", "bytes 0-9/*", "0-9/100"]


@pytest.mark.requirement("9110§14.4 recombine-nothing-invalid")
@pytest.mark.parametrize("told", NOT_RECOMBINED)
def test_a_part_by_an_invalid_content_range_or_of_another_unit_is_never_combined(told):
    assert combine(PART, response(206, ETag='"1"', Content_Range=told), NOW, NOW) is None
