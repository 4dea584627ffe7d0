"""Which coding a client gets (RFC 9110 §12.5.3), and what is worth coding."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Form, ResponseHead
from httpcache.rules.content_coding import (
    choose_coding,
    coded_head,
    coding_to_make,
    has_codings,
    may_code,
    varying_by_coding,
    wanted_coding,
    weight,
)
from httpcache.rules.fields import parse_entity_tag
from httpcache.settings import CodingSettings
from tests.rules.things import lines, stored

BOTH = ("br", "gzip")
SETTINGS = CodingSettings()

CHOICES = [
    ("nothing said", None, ""),
    ("an empty field wants no coding", "", ""),
    ("both: ours first", "gzip, br", "br"),
    ("one", "gzip", "gzip"),
    ("one with a small weight still comes before identity, which is not named", "gzip;q=0.5", "gzip"),
    ("the least weight there is", "gzip;q=0.001", "gzip"),
    ("by weight", "br;q=0.5, gzip", "gzip"),
    ("by weight, in capitals and with white space", "BR ; Q=0.5 , GZIP;q=0.7", "gzip"),
    ("refused", "br;q=0, gzip;q=0", ""),
    ("refused with zeros", "br;q=0.000, gzip;q=0.0", ""),
    ("a weight that is none refuses", "br;q=2, gzip;q=x", ""),
    ("anything", "*", "br"),
    ("anything, hardly", "*;q=0.001", "br"),
    ("anything but br", "br;q=0, *", "gzip"),
    ("nothing but gzip", "gzip, *;q=0", "gzip"),
    ("nothing at all", "*;q=0", ""),
    ("identity preferred", "identity, br;q=0.5", ""),
    ("identity less than gzip", "identity;q=0.5, gzip;q=0.6", "gzip"),
    ("identity and gzip alike: the shorter one", "identity, gzip", "gzip"),
    ("identity alone", "identity", ""),
    ("identity refused", "identity;q=0, gzip;q=0.1", "gzip"),
    ("identity and all else refused: an answer serves better than 406", "identity;q=0", ""),
    ("an old name", "x-gzip", "gzip"),
    ("a name that contains another", "brotli, gzipped", ""),
    ("what is not made here", "zstd, deflate", ""),
]


@pytest.mark.requirement("9110§12.5.3 accept-encoding-weights")
@pytest.mark.parametrize(("accepts", "coding"), [c[1:] for c in CHOICES], ids=[c[0] for c in CHOICES])
def test_choose_coding(accepts, coding):
    assert choose_coding(accepts, BOTH) == coding
    assert wanted_coding(accepts, CodingSettings(codings=BOTH)) == coding


def test_only_what_is_there_is_chosen():
    assert choose_coding("br, gzip;q=0.5", ["gzip"]) == "gzip"
    assert choose_coding("br", ["gzip"]) == ""
    assert choose_coding("br", []) == ""
    assert choose_coding("br", ["", "br"]) == "br"


def of_length(length, held=None, **fields):
    return replace(
        stored(**({"Content_Type": "text/html; charset=utf-8"} | fields)),
        forms=(Form("", "i", length, ((0, length),) if held is None else held),),
    )


no_transform = pytest.mark.requirement("9111§5.2.2.6 no-transform")
own_coding = pytest.mark.requirement("9110§8.4 coded-content-is-not-coded-again")

WORTH = [
    pytest.param(of_length(5000), True, id="text"),
    pytest.param(of_length(1024), True, id="the smallest"),
    pytest.param(of_length(1023), False, id="too small"),
    pytest.param(of_length(2**30), False, id="too large"),
    pytest.param(of_length(5000, Content_Type="image/png"), False, id="an image"),
    pytest.param(of_length(5000, Content_Type="TEXT/HTML"), True, id="a type in capitals"),
    pytest.param(of_length(5000, Content_Type="application/ld+json"), True, id="JSON by suffix"),
    pytest.param(of_length(5000, Content_Type="text/html, image/png"), False, id="two types"),
    pytest.param(of_length(5000, Content_Type="x-text/html"), False, id="a type that contains another"),
    pytest.param(of_length(5000, Content_Type=""), False, id="no type"),
    pytest.param(of_length(5000, Content_Encoding="gzip"), False, id="coded already", marks=own_coding),
    pytest.param(of_length(5000, Cache_Control="no-transform"), False, id="no-transform", marks=no_transform),
    pytest.param(of_length(5000, Cache_Control='max-age=1, No-Transform="x"'), False, id="no-transform as others send it", marks=no_transform),
    pytest.param(of_length(5000, CDN_Cache_Control="max-age=9, no-transform"), False, id="no-transform in a targeted field", marks=no_transform),
    pytest.param(of_length(5000, Cache_Control="no-transform", CDN_Cache_Control="max-age=9"), False, id="no-transform beside a targeted field", marks=no_transform),
    pytest.param(replace(of_length(5000), status=404), False, id="another status"),
    pytest.param(of_length(5000, held=((0, 4000),)), False, id="held in part"),
    pytest.param(of_length(5000, held=()), False, id="still arriving"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "worth"), WORTH)
def test_may_code(one, worth):
    assert may_code(one, SETTINGS) is worth


VARYING = [
    ("what may be coded", of_length(5000), True),
    ("what may be coded once it is whole", of_length(5000, held=((0, 9),)), True),
    ("what may turn out long enough", replace(of_length(9), forms=(Form("", "i", None),)), True),
    ("what is too small for ever", of_length(9), False),
    (
        "what was coded under other settings",
        replace(of_length(9), forms=(Form("", "i", 9), Form("br", "b", 5))),
        True,
    ),
    ("what is never coded", of_length(5000, Content_Type="image/png"), False),
]


@pytest.mark.parametrize(("one", "codings"), [c[1:] for c in VARYING], ids=[c[0] for c in VARYING])
def test_has_codings(one, codings):
    assert has_codings(one, SETTINGS) is codings


def test_nothing_is_coded_where_no_coding_is_set():
    assert not may_code(of_length(5000), CodingSettings(codings=()))
    assert wanted_coding("br", CodingSettings(codings=())) == ""


def test_a_form_is_made_once():
    one = of_length(5000)
    assert coding_to_make("gzip, br", one, SETTINGS) == "br"
    made = replace(one, forms=(*one.forms, Form("br", "i-br", 9, ((0, 9),))))
    assert coding_to_make("gzip, br", made, SETTINGS) == ""
    assert coding_to_make("gzip", made, SETTINGS) == "gzip"
    assert coding_to_make(None, one, SETTINGS) == ""


@pytest.mark.requirement("9110§8.8.3.3 own-tag-for-each-coding")
@given(st.sampled_from(["", "W/"]), st.text("abc-", max_size=5), st.sampled_from(BOTH))
def test_a_coded_form_has_a_tag_of_its_own_as_weak_as_the_first(weak, opaque, coding):
    head = coded_head(ResponseHead(200, lines(ETag=f'{weak}"{opaque}"', Content_Length="10")), coding)
    tag = parse_entity_tag(head.fields.get("etag"))
    assert tag is not None
    assert tag.opaque == f"{opaque}~ew-{coding}"
    assert tag.weak is bool(weak)
    assert head.fields.get("content-encoding") == coding
    assert "content-length" not in head.fields
    assert head.fields.get("vary") == "Accept-Encoding"


def test_what_tells_of_other_octets_does_not_stay_with_a_coded_form():
    names = ("Content_MD5", "Digest", "Content_Digest", "Repr_Digest", "Accept_Ranges")
    head = coded_head(ResponseHead(200, lines(ETag="no tag", X="1", **dict.fromkeys(names, "x"))), "br")
    assert head.fields.names() == {"x", "content-encoding", "vary"}


VARY = [
    ("none", {}, "Accept-Encoding"),
    ("another", {"Vary": "X"}, "X, Accept-Encoding"),
    ("it", {"Vary": "X, accept-encoding"}, "X, accept-encoding"),
    ("everything", {"Vary": "*"}, "*"),
    ("a name that contains it", {"Vary": "X-Accept-Encoding"}, "X-Accept-Encoding, Accept-Encoding"),
]


@pytest.mark.requirement("9110§12.5.5 vary-names-accept-encoding")
@pytest.mark.parametrize(("fields", "vary"), [c[1:] for c in VARY], ids=[c[0] for c in VARY])
def test_vary_names_accept_encoding_once(fields, vary):
    assert varying_by_coding(lines(**fields)).get("vary") == vary


@given(st.text())
def test_any_field_has_a_choice_and_weights(accepts):
    assert choose_coding(accepts, BOTH) in ("", *BOTH)
    assert 0 <= weight(accepts, "identity") <= 1
