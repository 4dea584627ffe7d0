"""Whatever a request, a response and what is stored say, every rule decides and none raises."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from httpcache.messages import Fields, RequestHead, ResponseHead
from httpcache.rules.cache_key import cache_key, uri_of_url
from httpcache.rules.combining import combine, decide_storing_part
from httpcache.rules.decisions import Candidate, Reuse, ServeStale, Standing, Store
from httpcache.rules.freshness import current_age, lifetime_of
from httpcache.rules.invalidation import invalidated_groups, invalidated_uris
from httpcache.rules.reuse import decide_reuse
from httpcache.rules.storing import decide_storing
from httpcache.rules.validation import conditions, decide_failure, decide_validation, freshen_by_head
from httpcache.settings import SitePolicy
from tests.rules.things import NOW, POLICY, RECEIVED, stored

OCTETS = st.text(st.characters(max_codepoint=0xDCFF, exclude_categories=()), max_size=12)
SAID = st.sampled_from([
    "private", "no-store", "max-age=60", "max-age=-1", 'private="a', "s-maxage=99999999999999999999", "*", "W/\"1\"",
    '"1"', "Sun, 06 Nov 1994 08:49:37 GMT", "0", "bytes 0-9/10", "bytes=0-", "gzip;q=0.5, br;q=x", "a, b", "=", "max-stale",
    "only-if-cached", "stale-if-error=99, max-age=1", "/b", "//", "http://[", "http://site.example:99999/", "'", "%",
])  # fmt: skip
NAMES = st.sampled_from([
    "Cache-Control", "CDN-Cache-Control", "Edgeward-Cache-Control", "Surrogate-Control", "Expires", "Date", "Age", "ETag",
    "Last-Modified", "Vary", "Connection", "Content-Range", "Content-Location", "Location", "Cache-Groups", "Set-Cookie",
    "Cache-Group-Invalidation", "Surrogate-Key", "Cache-Tag", "Content-Language", "Content-Length", "Pragma", "Range",
    "If-Range", "Accept", "Accept-Language", "Accept-Encoding", "Authorization", "Cookie", "A",
])  # fmt: skip
FIELDS = st.lists(st.tuples(NAMES, st.one_of(SAID, OCTETS)), max_size=6).map(Fields)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "BREW", ""])
POLICIES = st.sampled_from([
    POLICY,
    SitePolicy(default_ttl=5, max_ttl=9, set_cookie="strip", cookies=("a",), query_sorted=True),
    SitePolicy(min_ttl=5, status_ttl={404: 1}, query_only=("*",), query_without=("a",)),
])  # fmt: skip


@given(METHODS, FIELDS, FIELDS, st.integers(0, 999), POLICIES, st.sampled_from(list(Standing)))
@example(
    "GET", Fields(), Fields([("Date", "\ud800"), ("CDN-Cache-Control", "\ud800")]), 200, POLICY, Standing.GOOD
)
def test_every_rule_decides_on_anything(method, asked, said, status, policy, standing):
    request = RequestHead(method, "http", "site.example", "/a?b=1&a", asked)
    response = ResponseHead(status, said)
    held = stored(request=request)
    kept = decide_storing(request, response, RECEIVED, policy)
    if isinstance(kept, Store):
        held = stored(status, request=request)
        held = type(held)(**{name: getattr(held, name) for name in held.__slots__} | {"fields": kept.fields})
    candidate = Candidate(held, standing)
    reuse = decide_reuse(request, [candidate, Candidate(held)], NOW, policy)
    if isinstance(reuse, Reuse):
        assert 0 <= reuse.age <= 2**31
    outcome = decide_validation(request, (held,), response, NOW, NOW, policy, standing)
    failure = decide_failure(request, candidate, NOW, policy)
    if standing in (Standing.GONE, Standing.INVALID, Standing.UNPROVEN):
        assert not isinstance(failure, ServeStale) and not isinstance(outcome, ServeStale)
    assert current_age(held, NOW) >= 0 and lifetime_of(held, policy).seconds >= 0
    freshen_by_head(held, response, NOW, NOW)
    decide_storing_part(request, response, RECEIVED, policy)
    combine(held, response, NOW, NOW)
    conditions([held, held])
    cache_key(request, policy)


@given(METHODS, FIELDS, st.integers(0, 999), OCTETS)
def test_anything_invalidates_what_is_on_its_origin_alone(method, said, status, target):
    request, response = RequestHead(method, "http", "site.example", f"/{target}"), ResponseHead(status, said)
    assert all(uri.startswith("site.example/") for uri in invalidated_uris(request, response, ()))
    invalidated_groups(request, response)
    uri_of_url(target, ())
