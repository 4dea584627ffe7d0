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
    may_code,
    varying_by_coding,
)
from httpcache.rules.fields import parse_entity_tag
from httpcache.settings import CodingSettings
from tests.rules.things import lines, stored

BOTH = ("br", "gzip")
SETTINGS = CodingSettings()

CHOICES = [
    ("nothing said", None, ""),
    ("nothing acceptable but identity", "", ""),
    ("both: ours first", "gzip, br", "br"),
    ("one", "gzip", "gzip"),
    ("by weight", "br;q=0.5, gzip", "gzip"),
    ("refused", "br;q=0, gzip;q=0", ""),
    ("anything", "*", "br"),
    ("anything but br", "br;q=0, *", "gzip"),
    ("identity preferred", "identity, br;q=0.5", ""),
    ("identity refused", "identity;q=0, gzip;q=0.1", "gzip"),
    ("nothing acceptable at all still gets an answer", "identity;q=0", ""),
    ("an old name", "x-gzip", "gzip"),
    ("another case", "BR", "br"),
    ("a name that contains another", "brotli, gzipped", ""),
]


@pytest.mark.requirement("9110§12.5.3 accept-encoding-weights")
@pytest.mark.parametrize(("accepts", "coding"), [c[1:] for c in CHOICES], ids=[c[0] for c in CHOICES])
def test_choose_coding(accepts, coding):
    assert choose_coding(accepts, BOTH) == coding


def of_length(length, **fields):
    return replace(
        stored(**({"Content_Type": "text/html; charset=utf-8"} | fields)),
        forms=(Form("", "i", length, ((0, length),)),),
    )


WORTH = [
    ("text", of_length(5000), True),
    ("too small", of_length(100), False),
    ("too large", of_length(2**30), False),
    ("an image", of_length(5000, Content_Type="image/png"), False),
    ("JSON by suffix", of_length(5000, Content_Type="application/ld+json"), True),
    ("coded already", of_length(5000, Content_Encoding="gzip"), False),
    ("no-transform (9111 §5.2.2.6)", of_length(5000, Cache_Control="no-transform"), False),
    ("no type", of_length(5000, Content_Type=""), False),
    ("another status", replace(of_length(5000), status=404), False),
]


@pytest.mark.requirement("9111§5.2.2.6 no-transform")
@pytest.mark.parametrize(("one", "worth"), [c[1:] for c in WORTH], ids=[c[0] for c in WORTH])
def test_may_code(one, worth):
    assert may_code(one, SETTINGS) is worth


def test_a_form_is_made_once():
    one = of_length(5000)
    assert coding_to_make("gzip, br", one, SETTINGS) == "br"
    made = replace(one, forms=(*one.forms, Form("br", "i-br", 9, ((0, 9),))))
    assert coding_to_make("gzip, br", made, SETTINGS) == ""
    assert coding_to_make("gzip", made, SETTINGS) == "gzip"


@given(st.sampled_from(["", "W/"]), st.text("abc-", max_size=5), st.sampled_from(BOTH))
def test_a_coded_form_has_a_tag_of_its_own_as_weak_as_the_first(weak, opaque, coding):
    head = coded_head(ResponseHead(200, lines(ETag=f'{weak}"{opaque}"', Content_Length="10")), coding)
    tag = parse_entity_tag(head.fields.get("etag"))
    assert tag is not None
    assert tag.opaque != opaque
    assert tag.weak is bool(weak)
    assert head.fields.get("content-encoding") == coding
    assert "content-length" not in head.fields
    assert head.fields.get("vary") == "Accept-Encoding"


def test_vary_names_accept_encoding_once():
    assert varying_by_coding(lines(Vary="Accept-Encoding, X")).get("vary") == "Accept-Encoding, X"
    assert varying_by_coding(lines(Vary="X")).get("vary") == "X, Accept-Encoding"
    assert varying_by_coding(lines(Vary="*")).get("vary") == "*"
