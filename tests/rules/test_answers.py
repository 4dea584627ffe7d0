"""The heads of answers: put together here alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Form, RequestHead
from httpcache.rules.answers import CONTENT_FIELDS, Context, compose
from httpcache.rules.dates import format_http_date
from httpcache.rules.decisions import Handling, Served
from httpcache.rules.forwarding import Identity
from httpcache.settings import CodingSettings
from tests.rules.things import NOW, RECEIVED, get, lines, stored

OLD = "Sun, 06 Nov 1994 08:49:37 GMT"
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


def also(one=TEXT, **fields):
    return replace(one, fields=one.fields.adding(*lines(**fields)))


@pytest.mark.requirement("9111§4 age-generated")
def test_age_replaces_what_came_and_everything_else_stays():
    head = composed(one=stored(Age="77", X="1", Content_Length="10")).head
    assert head.fields.all("age") == ("5",)
    assert head.fields.get("x") == "1"
    assert head.fields.all("content-length") == ("10",)


@pytest.mark.parametrize(("age", "told"), [(None, ()), (0, ("0",)), (-3, ("0",)), (2**31, ("2147483648",))])
def test_age_is_whole_seconds_of_what_is_stored_and_nothing_else(age, told):
    assert composed(one=stored(Age="77"), age=age).head.fields.all("age") == told


def test_a_stored_response_without_a_date_has_that_of_its_receipt():
    one = stored()
    one = replace(one, fields=one.fields.without({"date"}))
    assert composed(one=one).head.fields.all("date") == (format_http_date(RECEIVED),)


# Which form, for which client.


def test_a_client_that_reads_br_gets_that_form_with_its_own_head():
    answer = composed(get(Accept_Encoding="br"))
    assert (answer.form.coding, answer.length, answer.spans) == ("br", 70, ((0, 70),))
    assert answer.head.fields.get("etag") == '"1~ew-br"'
    assert answer.head.fields.all("content-length") == ("70",)
    assert answer.head.fields.get("vary") == "Accept-Encoding"


def test_identity_of_what_could_be_coded_varies_too():
    answer = composed()
    assert (answer.form.coding, answer.length) == ("", 5000)
    assert answer.head.fields.get("vary") == "Accept-Encoding"


def test_what_is_never_coded_does_not_vary():
    assert "vary" not in composed(one=stored(ETag='"1"', Content_Type="image/png")).head.fields


def test_between_tiers_there_is_only_the_form_as_received_with_its_tags():
    answer = composed(get(Accept_Encoding="br"), context=TO_TIERS)
    assert answer.form.coding == ""
    assert answer.head.fields.get("surrogate-key") == "t"
    assert "surrogate-key" not in composed().head.fields


FORM_OF_CLIENT = [
    ("it has identity, and br is there now", {"Accept_Encoding": "br", "If_None_Match": '"1"'}, 304, ""),
    ("it has br", {"Accept_Encoding": "br", "If_None_Match": '"1~ew-br"'}, 304, "br"),
    ("it has both", {"Accept_Encoding": "br", "If_None_Match": '"1", "1~ew-br"'}, 304, "br"),
    ("it has another version", {"Accept_Encoding": "br", "If_None_Match": '"0"'}, 200, "br"),
    ("it has br but does not read that any more", {"If_None_Match": '"1~ew-br"'}, 200, ""),
    ("it has identity but refuses that now", {"Accept_Encoding": "br, identity;q=0", "If_None_Match": '"1"'}, 200, "br"),
    ("it has br but wants no transformation", {"Accept_Encoding": "br", "Cache_Control": "no-transform", "If_None_Match": '"1~ew-br"'}, 200, ""),
    ("it has a part of identity", {"Accept_Encoding": "br", "If_Range": '"1"', "Range": "bytes=100-"}, 206, ""),
    ("it has a part of br", {"Accept_Encoding": "br", "If_Range": '"1~ew-br"', "Range": "bytes=60-"}, 206, "br"),
    ("it has a part of br, of which it reads nothing", {"If_Range": '"1~ew-br"', "Range": "bytes=60-"}, 200, ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "status", "coding"), [c[1:] for c in FORM_OF_CLIENT], ids=[c[0] for c in FORM_OF_CLIENT]
)
def test_the_form_that_a_client_has_comes_before_one_it_would_have_to_fetch(fields, status, coding):
    answer = composed(get(**fields))
    assert (answer.head.status, answer.form.coding) == (status, coding)


# 304


@pytest.mark.requirement("9110§15.4.5 fields-of-a-304")
def test_a_304_has_the_fields_it_must_carry_and_none_of_the_content():
    one = also(Expires=OLD, Content_Location="/a", Last_Modified=OLD, Content_Language="en", Set_Cookie="a=b")
    answer = composed(get(If_None_Match='"1~ew-br"', Accept_Encoding="br"), one)
    assert answer.head.status == 304
    must = {"date", "etag", "cache-control", "vary", "expires", "content-location"}
    assert answer.head.fields.names() == must | {"age", "via", "cache-status"}
    assert (answer.spans, answer.length) == ((), 0)


@pytest.mark.requirement("9110§15.4.5 fields-of-a-304")
def test_a_304_without_an_etag_has_last_modified_to_go_by():
    answer = composed(get(If_Modified_Since=OLD), stored(Last_Modified=OLD))
    assert (answer.head.status, answer.head.fields.get("last-modified")) == (304, OLD)


def test_a_304_for_a_tier_brings_all_that_the_origins_304_may_have_changed():
    one = also(Edgeward_Cache_Control="max-age=1", Content_Language="en", Last_Modified=OLD)
    answer = composed(get(If_None_Match='"1"'), one, context=TO_TIERS)
    assert answer.head.status == 304
    told = {
        "surrogate-key",
        "edgeward-cache-control",
        "x",
        "content-type",
        "content-language",
        "last-modified",
    }
    assert answer.head.fields.names() >= told
    assert "content-length" not in answer.head.fields


# 206, 412 and 416


def test_a_content_range_that_an_origin_sent_in_a_200_is_not_told_again():
    answer = composed(get(Range="bytes=0-1"), also(stored(), Content_Range="bytes 4-5/6"))
    assert answer.head.fields.all("content-range") == ("bytes 0-1/10",)


@pytest.mark.requirement("9110§13.2.2 precedence-of-conditions")
def test_a_304_comes_before_a_range_and_a_failed_if_range():
    asked = {"Range": "bytes=0-1", "If_None_Match": '"1"'}
    assert composed(get(**asked)).head.status == 304
    assert composed(get(**asked, If_Range='"2"')).head.status == 304
    assert composed(get(**asked | {"Range": "bytes=9999-"})).head.status == 304


@pytest.mark.requirement("9110§15.3.7 single-part-206")
def test_a_range_of_a_coded_form_is_of_its_octets():
    answer = composed(get(Range="bytes=60-", Accept_Encoding="br"))
    assert (answer.head.status, answer.spans, answer.length) == (206, ((60, 70),), 10)
    assert answer.head.fields.get("content-range") == "bytes 60-69/70"
    assert answer.head.fields.all("content-length") == ("10",)


@pytest.mark.requirement("9110§15.3.7.2 multipart-206")
def test_several_ranges_are_parts_without_a_content_range_of_the_whole():
    answer = composed(get(Range="bytes=0-1,8-9"))
    assert answer.head.fields.all("content-type") == ("multipart/byteranges; boundary=BOUNDARY",)
    assert "content-range" not in answer.head.fields
    assert [part.span for part in answer.parts] == [(0, 2), (8, 10), None]
    assert b"Content-Type: text/plain\r\n" in answer.parts[0].before
    octets = sum(len(part.before) for part in answer.parts) + 4
    assert answer.head.fields.all("content-length") == (str(octets),)


@pytest.mark.requirement("9110§15.3.7.2 multipart-206")
@pytest.mark.parametrize("asked", ["bytes=0-1", "bytes=0-1,9999-", "bytes=0-1,1-2,2-3"])
def test_one_range_is_never_multipart(asked):
    answer = composed(get(Range=asked))
    assert (answer.parts, answer.head.fields.get("content-type")) == ((), "text/plain")
    assert answer.head.fields.get("content-range")


def test_several_ranges_after_if_range_are_of_the_type_that_their_parts_tell():
    answer = composed(get(Range="bytes=0-1,8-9", If_Range='"1"'))
    assert answer.head.fields.all("content-type") == ("multipart/byteranges; boundary=BOUNDARY",)
    assert b"Content-Type: text/plain\r\n" in answer.parts[0].before


def test_a_part_after_if_range_by_date_keeps_the_date_it_goes_by():
    one = stored(Last_Modified=OLD, Content_Type="image/png")
    answer = composed(get(Range="bytes=0-1", If_Range=OLD), one)
    assert (answer.head.status, answer.head.fields.get("last-modified")) == (206, OLD)
    assert "content-type" not in answer.head.fields


def test_digests_of_the_whole_content_are_not_told_of_a_part():
    one = also(Content_Digest="sha-256=:x:", Content_MD5="x", Repr_Digest="sha-256=:x:")
    assert composed(get(Range="bytes=0-1"), one).head.fields.names() & CONTENT_FIELDS >= {"repr-digest"}
    assert not composed(get(Range="bytes=0-1"), one).head.fields.names() & {"content-digest", "content-md5"}
    assert composed(get(), one).head.fields.get("content-digest")


@pytest.mark.requirement("9110§15.5.17 unsatisfied-range")
def test_a_416_tells_the_length_and_is_not_to_be_reused():
    answer = composed(get(Range="bytes=9999-"), also(Expires=OLD, CDN_Cache_Control="max-age=9"))
    assert (answer.head.status, answer.length, answer.spans) == (416, 0, ())
    assert answer.head.fields.all("content-range") == ("bytes */5000",)
    assert answer.head.fields.all("cache-control") == ("no-store",)
    assert answer.head.fields.all("content-length") == ("0",)
    assert not answer.head.fields.names() & {"age", "expires", "cdn-cache-control", "content-type"}


@pytest.mark.parametrize(
    "asked", [{"If_Match": '"2"'}, {"If_Unmodified_Since": "Sat, 05 Nov 1994 08:49:37 GMT"}]
)
def test_a_failed_condition_is_a_412_without_content_and_not_to_be_reused(asked):
    answer = composed(get(**asked), also(Last_Modified=OLD))
    assert (answer.head.status, answer.length, answer.spans) == (412, 0, ())
    assert answer.head.fields.all("cache-control") == ("no-store",)
    assert answer.head.fields.all("content-length") == ("0",)
    assert not answer.head.fields.names() & {"age", "expires", "content-type", "content-range"}


# Lengths

LENGTHS = [
    ("no range applies while the length is not known", 200, None, (), ()),
    ("no content has no octets to send", 200, 0, (), ("0",)),
    ("a 204 has no Content-Length (8.6)", 204, 0, (), ()),
    ("a status that has no ranges", 404, 10, ((0, 10),), ("10",)),
]


@pytest.mark.parametrize(
    ("status", "length", "spans", "told"), [c[1:] for c in LENGTHS], ids=[c[0] for c in LENGTHS]
)
def test_a_range_is_ignored_and_the_length_told(status, length, spans, told):
    one = replace(stored(status), forms=(Form("", "i", length),))
    answer = composed(get(Range="bytes=0-1"), one)
    assert (answer.head.status, answer.length, answer.spans) == (status, length, spans)
    assert answer.head.fields.all("content-length") == told


def test_a_head_request_gets_the_head_of_the_get_without_ranges():
    asked = {"Accept_Encoding": "br", "Range": "bytes=0-1"}
    answer = composed(get("HEAD", **asked))
    assert answer.head == composed(get(Accept_Encoding="br")).head


# Laws

FIELD = st.sampled_from(
    [
        "Range",
        "If-Range",
        "If-None-Match",
        "If-Modified-Since",
        "If-Match",
        "Accept-Encoding",
        "Cache-Control",
    ]
)
VALUE = st.text() | st.sampled_from(
    ["bytes=0-1", "bytes=0-,5-", "bytes=-9", '"1"', '"1~ew-br"', "*", OLD, "br", "gzip;q=0", "no-transform"]
)


@given(
    st.lists(st.tuples(FIELD, VALUE), max_size=5),
    st.sampled_from(["GET", "HEAD"]),
    st.booleans(),
    st.integers(0, 300),
)
def test_any_request_gets_an_answer_whose_length_is_that_of_its_octets(pairs, method, to_clients, length):
    one = replace(TEXT, forms=(Form("", "i", length, ((0, length),)), *TEXT.forms[1:]))
    request = replace(get(method), fields=lines().adding(*pairs))
    assert isinstance(request, RequestHead)
    answer = composed(request, one, context=replace(TO_CLIENTS, to_clients=to_clients))
    octets = sum(end - first for first, end in answer.spans) + sum(len(part.before) for part in answer.parts)
    assert answer.head.status in (200, 206, 304, 412, 416)
    assert answer.length == octets
    assert all(0 <= first < end <= (answer.form.length or 0) for first, end in answer.spans)
    assert len(answer.head.fields.all("content-length")) == (0 if answer.head.status == 304 else 1)
    assert ("content-range" in answer.head.fields) is (answer.head.status in (206, 416) and not answer.parts)
    assert len(answer.head.fields.all("age")) == (0 if answer.head.status in (412, 416) else 1)
