"""Which of several forms a client gets: as received, coded here, decoded here, or made while it is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Form, ResponseHead
from httpcache.rules.content_coding import (
    choose_form,
    coding_to_make,
    form_head,
    has_codings,
    may_decode,
    received_coding,
)
from httpcache.settings import CodingSettings
from tests.rules.things import lines, stored

SETTINGS = CodingSettings()


def held(coding: str, name: str, length: int = 5000) -> Form:
    return Form(coding, name, length, ((0, length),))


TEXT = replace(stored(Content_Type="text/plain", ETag='"1"'), forms=(held("", "i"),))
CODED = replace(TEXT, forms=(held("", "i"), held("br", "b"), held("gzip", "g")))
GZIPPED = replace(stored(Content_Encoding="gzip", ETag='"1"'), forms=(held("", "i"),))
IN_PART = replace(GZIPPED, forms=(Form("", "i", 5000, ((0, 10),)),))
DECODED = replace(GZIPPED, forms=(held("", "i"), held("identity", "d")))

CAME = [
    ("gzip", "gzip"), ("X-GZIP", "gzip"), ("br", "br"), ("zstd", "zstd"), ("deflate", ""), ("", ""),
    ("identity", ""), ("gzip, br", ""), ("gzip,", "gzip"), ("gzipped", ""),
]  # fmt: skip


@pytest.mark.parametrize(("value", "coding"), CAME, ids=[value or "none" for value, _ in CAME])
def test_the_coding_that_content_came_in(value, coding):
    assert received_coding(lines(Content_Encoding=value)) == coding


CHOICES = [
    ("text as it is", TEXT, None, ("", "i")),
    ("text whose coding is not made yet", TEXT, "br", ("", "i")),
    ("text for who refuses identity: coded as it is sent", TEXT, "identity;q=0, gzip", ("gzip", "")),
    ("text for who refuses everything", TEXT, "identity;q=0", ("", "i")),
    ("the coding that was made", CODED, "br, gzip", ("br", "b")),
    ("the one that is weighed most", CODED, "br;q=0.5, gzip", ("gzip", "g")),
    ("anything", CODED, "*", ("br", "b")),
    ("identity", CODED, "identity", ("", "i")),
    ("coded content for who reads it", GZIPPED, "gzip", ("", "i")),
    ("coded content for who says nothing", GZIPPED, None, ("identity", "")),
    ("coded content for who reads another", GZIPPED, "br", ("identity", "")),
    ("coded content for who refuses it", GZIPPED, "gzip;q=0", ("identity", "")),
    ("coded content for who reads neither", GZIPPED, "br, identity;q=0", ("", "i")),
    ("coded content for who reads anything", GZIPPED, "*", ("", "i")),
    ("coded content that was decoded before", DECODED, "", ("identity", "d")),
]


@pytest.mark.requirement("9110§12.5.3 accept-encoding-weights")
@pytest.mark.parametrize(
    ("one", "accepts", "expected"), [c[1:] for c in CHOICES], ids=[c[0] for c in CHOICES]
)
def test_choose_form(one, accepts, expected):
    form = choose_form(accepts, one, SETTINGS)
    assert (form.coding, form.body_id) == expected


DECODABLE = [
    ("gzip", GZIPPED, True),
    ("what came as it is", TEXT, False),
    ("a coding nobody knows", replace(GZIPPED, fields=lines(Content_Encoding="compress")), False),
    ("two codings", replace(GZIPPED, fields=lines(Content_Encoding="gzip, br")), False),
    (
        "no-transform",
        replace(GZIPPED, fields=lines(Content_Encoding="gzip", Cache_Control="no-transform")),
        False,
    ),
    ("another status", replace(GZIPPED, status=404), False),
    ("what is held in part", IN_PART, False),
    ("what is still arriving", replace(GZIPPED, forms=(Form("", "i", None),)), True),
]


@pytest.mark.parametrize(("one", "may"), [c[1:] for c in DECODABLE], ids=[c[0] for c in DECODABLE])
def test_may_decode(one, may):
    assert may_decode(one, SETTINGS) is may
    # Of what is held in part others will get all, decoded: its answers say so, too.
    assert has_codings(one, SETTINGS) is (may or one is TEXT or one is IN_PART)
    assert not may_decode(one, CodingSettings(decodes=False))


def test_the_decoded_form_is_made_once_and_only_for_who_needs_it():
    assert coding_to_make(None, GZIPPED, SETTINGS) == "identity"
    assert coding_to_make("gzip", GZIPPED, SETTINGS) == ""
    assert coding_to_make(None, DECODED, SETTINGS) == ""
    assert coding_to_make(None, GZIPPED, CodingSettings(largest=4000)) == ""
    assert coding_to_make(None, replace(GZIPPED, forms=(Form("", "i", None),)), SETTINGS) == ""


def test_each_form_and_each_edition_has_a_tag_of_its_own():
    forms = [held("", "i"), held("br", "b"), replace(held("br", "c"), edition=1), held("identity", "d")]
    tags = [form_head(TEXT.head, form).fields.get("etag") for form in forms]
    assert tags == ['"1"', '"1~ew-br"', '"1~ew-br2"', '"1~ew-identity"']


def test_the_head_of_a_decoded_form_names_no_coding():
    head = form_head(GZIPPED.head, held("identity", "d"))
    assert "content-encoding" not in head.fields
    assert head.fields.get("vary") == "Accept-Encoding"


@given(st.one_of(st.none(), st.text()), st.sampled_from([TEXT, CODED, GZIPPED, DECODED]))
def test_any_field_has_a_form_and_a_head(accepts, one):
    form = choose_form(accepts, one, SETTINGS)
    assert isinstance(form_head(one.head, form), ResponseHead)
    assert form in one.forms or not form.body_id
