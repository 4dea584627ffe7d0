"""What happens to directives and to fields on their way (RFC 9111 §3.2, §5.2; RFC 9110 §7.6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields
from httpcache.rules.decisions import Candidate, DoNotStore, Reuse
from httpcache.rules.forwarding import HOP_BY_HOP, Identity, forwarded_request, is_loop, returned_fields
from httpcache.rules.reuse import decide_reuse
from httpcache.rules.storing import decide_storing, stored_fields
from httpcache.rules.targeted import effective_directives
from httpcache.rules.validation import NEVER_UPDATED, freshen
from tests.rules.things import NOW, POLICY, RECEIVED, get, lines, response, stored

ME = Identity("edge-1")
DIRECTIVE = st.sampled_from(
    [
        "max-age=5",
        "MAX-AGE=0",
        'private="x"',
        "no-cache",
        "only-if-cached",
        "x-new=1",
        'y="a, b"',
        "no-transform",
    ]
)


@pytest.mark.requirement("9111§5.2 directives-are-passed-on")
@given(st.lists(DIRECTIVE, min_size=1, max_size=4), st.booleans())
def test_directives_go_on_as_they_came(values, flag):
    fields = Fields([("Cache-Control", value) for value in values])
    request = forwarded_request(get(Cache_Control=", ".join(values)), "192.0.2.1", ME, trusts_peer=flag)
    assert request.fields.all("cache-control") == (", ".join(values),)
    assert returned_fields(fields, ME, to_clients=flag).all("cache-control") == tuple(values)
    kept = stored_fields(fields, effective_directives(fields).directives)
    assert kept.all("cache-control") == tuple(values)


OBEYED = [
    pytest.param("no-store, max-age=600", True, False, id="no-store"),
    pytest.param("private, max-age=600", True, False, id="private"),
    pytest.param("no-cache, max-age=600", False, False, id="no-cache"),
    pytest.param("max-age=0", False, False, id="max-age"),
    pytest.param("s-maxage=0, max-age=600", False, False, id="s-maxage"),
    pytest.param("max-age=600", False, True, id="none that forbids"),
]


@pytest.mark.requirement("9111§5.2.2 response-directives-are-obeyed")
@pytest.mark.parametrize(("value", "refused", "reused"), OBEYED)
def test_what_a_response_says_is_obeyed_when_storing_and_when_reusing(value, refused, reused):
    decision = decide_storing(get(), response(Cache_Control=value, ETag='"1"'), RECEIVED, POLICY)
    assert isinstance(decision, DoNotStore) is refused
    one = stored(Cache_Control=value, ETag='"1"')
    assert isinstance(decide_reuse(get(), [Candidate(one)], NOW, POLICY), Reuse) is reused


NAMES = st.from_regex(r"[a-z][a-z-]{0,12}[a-z]", fullmatch=True).filter(
    lambda name: name not in HOP_BY_HOP | NEVER_UPDATED | {"age", "date"} and not name.startswith("proxy-")
)


@pytest.mark.requirement("9111§3.2 few-fields-are-left-out-of-updates")
@given(NAMES)
def test_every_other_field_of_a_304_is_updated(name):
    field = name.replace("-", "_")
    one = freshen(stored(**{field: "old"}), response(304, **{field: "new"}), NOW, NOW)
    assert one.fields.all(name) == ("new",)


@pytest.mark.requirement("9111§3.2 few-fields-are-left-out-of-updates")
def test_only_what_the_stored_content_depends_on_and_cookies_are_left_out():
    assert {"content-encoding", "content-length", "content-range", "set-cookie"} == NEVER_UPDATED


@pytest.mark.requirement("9110§7.6.1 known-connection-fields-removed")
@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_fields_of_a_connection_go_no_further_also_where_connection_does_not_name_them(name):
    fields = lines(**{name: "x", "X_Kept": "1"})
    request = forwarded_request(get(**{name: "x"}), "192.0.2.1", ME, trusts_peer=True)
    assert name not in request.fields
    assert returned_fields(fields, ME, to_clients=False).names() == {"x-kept", "via"}


@pytest.mark.requirement("9110§7.6 no-request-twice")
def test_what_was_forwarded_is_known_when_it_comes_back():
    once = forwarded_request(get(), "192.0.2.1", ME, trusts_peer=False)
    assert not is_loop(get().fields, ME)
    assert is_loop(once.fields, ME)
    twice = forwarded_request(once, "192.0.2.1", Identity("edge-2"), trusts_peer=False)
    assert is_loop(twice.fields, ME)
