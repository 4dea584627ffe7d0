"""Tags of forms made here become those of what they were made of, wherever the next hop evaluates them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Form
from httpcache.rules.content_coding import form_head
from httpcache.rules.fields import EntityTag
from httpcache.rules.form_tags import as_named, as_received, names_a_form
from tests.rules.things import get, response, stored

HELD = [stored(ETag='"v0"'), stored(ETag='W/"w0"'), stored(ETag='"a"'), stored(ETag='"a~ew-gzip"'), stored()]

RENAMED = [
    ("a form is what it was made of", {"If_Match": '"v0~ew-br"'}, {"If_Match": '"v0"'}),
    ("so are its editions", {"If_Match": '"v0~ew-br2"'}, {"If_Match": '"v0"'}),
    ("and what was decoded", {"If_Match": '"v0~ew-identity"'}, {"If_Match": '"v0"'}),
    ("of several, each", {"If_Match": '"v0~ew-br", "x", "v0~ew-gzip"'}, {"If_Match": '"v0", "x"'}),
    ("a weak one stays weak", {"If_Match": 'W/"w0~ew-br"'}, {"If_Match": 'W/"w0"'}),
    ("and none becomes strong", {"If_Match": 'W/"v0~ew-br"'}, {"If_Match": 'W/"v0"'}),
    ("a tag of the origin is its own", {"If_Match": '"a~ew-gzip"'}, {"If_Match": '"a~ew-gzip"'}),
    ("whatever else it ends with", {"If_Match": '"v0-gzip"'}, {"If_Match": '"v0-gzip"'}),
    ("one of nothing that is stored, too", {"If_Match": '"x~ew-br"'}, {"If_Match": '"x"'}),
    ("so does an ending of nobody", {"If_Match": '"v0-deflate"'}, {"If_Match": '"v0-deflate"'}),
    ("* is no tag", {"If_Match": "*"}, {"If_Match": "*"}),
    ("If-None-Match, too", {"If_None_Match": '"v0~ew-br"'}, {"If_None_Match": '"v0"'}),
    ("a part of a form is asked for whole", {"Range": "bytes=0-9", "If_Range": '"v0~ew-br"'}, {}),
    (
        "but not one of the origin",
        {"Range": "bytes=0-9", "If_Range": '"v0"'},
        {"Range": "bytes=0-9", "If_Range": '"v0"'},
    ),
    ("nor beside If-Match of a form", {"Range": "bytes=0-9", "If_Match": '"v0~ew-br"'}, {"If_Match": '"v0"'}),
]


@pytest.mark.requirement("9110§8.8.3.3 tags-of-forms-are-the-origins-at-the-origin")
@pytest.mark.parametrize(("asked", "sent"), [row[1:] for row in RENAMED], ids=[row[0] for row in RENAMED])
def test_as_received(asked, sent):
    assert sorted(as_received(get(**asked), HELD).request.fields) == sorted(get(**sent).fields)


@given(
    st.sampled_from(["br", "gzip", "zstd", "identity"]),
    st.sampled_from([0, 1]),
    st.builds(EntityTag, st.booleans(), st.text("ab-r", max_size=6)),
)
def test_every_form_has_a_tag_that_is_known_again(coding, edition, tag):
    held = stored(ETag=str(tag))
    made = form_head(held.head, Form(coding, "x", 5, (), edition if coding == "br" else 0)).fields.get("etag")
    request = get(If_None_Match=str(made))
    assert names_a_form(request)
    renamed = as_received(request, [held])
    assert renamed.request.fields.get("if-none-match") == str(tag)
    told = as_named(response(304, ETag=str(tag)), renamed.made)
    assert (told.fields.get("etag"), told.fields.get("vary")) == (made, "Accept-Encoding")


def test_only_a_304_for_what_was_named_is_renamed():
    made = as_received(get(If_None_Match='"v0~ew-br"'), HELD).made
    for head in (response(200, ETag='"v0"'), response(304, ETag='"v1"'), response(304)):
        assert as_named(head, made) == head
    both = as_received(get(If_None_Match='"v0~ew-br", "v0"'), HELD).made
    assert as_named(response(304, ETag='"v0"'), both) == response(304, ETag='"v0"')
