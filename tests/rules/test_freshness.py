"""Age and freshness lifetime (RFC 9111 §4.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields
from httpcache.rules.dates import format_http_date
from httpcache.rules.freshness import age_value, current_age, lifetime_of
from httpcache.settings import SitePolicy
from tests.rules.things import NOW, POLICY, RECEIVED, lines, stored

DAY = 86400
AGO = format_http_date(RECEIVED - 10 * DAY)

LIFETIMES = [
    ("max-age", {"Cache_Control": "max-age=60"}, (60, "max-age")),
    ("s-maxage wins over max-age (§4.2.1)", {"Cache_Control": "max-age=60, s-maxage=5"}, (5, "s-maxage")),
    ("max-age wins over Expires (§5.3)", {"Cache_Control": "max-age=60", "Expires": AGO}, (60, "max-age")),
    ("Expires less Date (§4.2.1)", {"Expires": format_http_date(RECEIVED + 30)}, (30, "expires")),
    ("Expires: 0 is in the past (§5.3)", {"Expires": "0"}, (0, "expires-invalid")),
    ("an Expires that is no date is in the past (§5.3)", {"Expires": "soon"}, (0, "expires-invalid")),
    ("a zone other than GMT is no date (§4.2)", {"Expires": "Tue, 14 Nov 2023 22:13:20 CET"}, (0, "expires-invalid")),
    ("of two max-age the least counts", {"Cache_Control": "max-age=60, max-age=10"}, (10, "max-age")),
    ("a quoted number counts", {"Cache_Control": 'max-age="60"'}, (60, "max-age")),
    ("upper case counts", {"Cache_Control": "MAX-AGE=60"}, (60, "max-age")),
    ("a number beyond 2^31 is 2^31 (§1.2.2)", {"Cache_Control": "max-age=99999999999999"}, (2**31, "max-age")),
    ("a negative number is stale", {"Cache_Control": "max-age=-5"}, (0, "max-age")),
    ("a fraction is stale", {"Cache_Control": "max-age=1.5"}, (0, "max-age")),
    ("no number is stale", {"Cache_Control": "max-age=a"}, (0, "max-age")),
    ("no argument is stale", {"Cache_Control": "max-age"}, (0, "max-age")),
    ("white space after = is no number, so stale (§5.2)", {"Cache_Control": "max-age= 60"}, (0, "max-age")),
    ("white space before = is no number, so stale (§5.2)", {"Cache_Control": "max-age =60"}, (0, "max-age")),
    ("white space within quotes is no number", {"Cache_Control": 'max-age=" 60"'}, (0, "max-age")),
    ("single quotes are no quotes", {"Cache_Control": "max-age='60'"}, (0, "max-age")),
    ("leading zeros count for nothing", {"Cache_Control": "max-age=0000000000060"}, (60, "max-age")),
    ("2147483647 is itself", {"Cache_Control": "max-age=2147483647"}, (2**31 - 1, "max-age")),
    ("2147483649 is 2^31 (§1.2.2)", {"Cache_Control": "max-age=2147483649"}, (2**31, "max-age")),
    ("an empty argument is stale", {"Cache_Control": "max-age="}, (0, "max-age")),
    ("letters after the digits are stale", {"Cache_Control": "max-age=60a"}, (0, "max-age")),
    ("letters before the digits are stale", {"Cache_Control": "max-age=a60"}, (0, "max-age")),
    ("digits of another script are stale", {"Cache_Control": "max-age=٦٠"}, (0, "max-age")),
    ("max-age within a quoted string is none", {"Cache_Control": 'x="max-age=600", max-age=60'}, (60, "max-age")),
    ("the least also where it stands last", {"Cache_Control": "max-age=10, max-age=60"}, (10, "max-age")),
    ("of a good and a bad max-age the bad", {"Cache_Control": "max-age=60, max-age=x"}, (0, "max-age")),
    ("an s-maxage that is no number is stale", {"Cache_Control": "s-maxage=x, max-age=60"}, (0, "s-maxage")),
    ("s-maxage wins over Expires (§5.3)", {"Cache_Control": "s-maxage=5", "Expires": AGO}, (5, "s-maxage")),
    ("max-age=0 wins over Expires in the future (§5.3)", {"Cache_Control": "max-age=0", "Expires": format_http_date(RECEIVED + 60)}, (0, "max-age")),
    ("Expires without Date counts from the receipt (§4.2.1)", {"Date": "none", "Expires": format_http_date(RECEIVED + 30)}, (30, "expires")),
    ("Expires before Date is no lifetime", {"Expires": AGO}, (0, "expires")),
    ("Expires in the form of RFC 850", {"Expires": "Tuesday, 14-Nov-23 22:12:20 GMT"}, (40, "expires")),
    ("a Last-Modified after Date is no lifetime", {"Last_Modified": format_http_date(RECEIVED + 60)}, (0, "heuristic")),
    ("a Last-Modified that is no date is none", {"Last_Modified": "long ago"}, (0, "none")),
    ("a guess is a week at the most", {"Last_Modified": format_http_date(RECEIVED - 900 * DAY)}, (7 * DAY, "heuristic")),
    ("Pragma of a response means nothing (§5.4)", {"Pragma": "no-cache", "Cache_Control": "max-age=60"}, (60, "max-age")),
    ("a targeted number in quotes is not consumed (9213 §2.1)", {"CDN_Cache_Control": 'max-age="60"'}, (0, "cdn-cache-control-max-age")),
    ("a targeted fraction is not consumed (9213 §2.1)", {"CDN_Cache_Control": "max-age=1.5"}, (0, "cdn-cache-control-max-age")),
    ("parameters of a targeted directive are ignored (9213 §2.1)", {"CDN_Cache_Control": "max-age=9;x=1"}, (9, "cdn-cache-control-max-age")),
    ("a targeted key in upper case is not valid", {"Cache_Control": "max-age=60", "CDN_Cache_Control": "Max-Age=9"}, (60, "max-age")),
    ("a targeted field with white space around = is not valid", {"Cache_Control": "max-age=60", "CDN_Cache_Control": "max-age =9"}, (60, "max-age")),
    ("one that is not valid gives way to the next of the list", {"Edgeward_Cache_Control": "&&", "CDN_Cache_Control": "max-age=9"}, (9, "cdn-cache-control-max-age")),
    ("a targeted field of several lines", {"CDN_Cache_Control": "x, max-age=9"}, (9, "cdn-cache-control-max-age")),
    ("a tenth of the time since Last-Modified (§4.2.2)", {"Last_Modified": AGO}, (DAY, "heuristic")),
    ("nothing at all", {}, (0, "none")),
    ("a targeted field wins (9213 §2.2)", {"Cache_Control": "max-age=60", "CDN_Cache_Control": "max-age=9"}, (9, "cdn-cache-control-max-age")),
    ("a targeted field that is not valid is ignored", {"Cache_Control": "max-age=60", "CDN_Cache_Control": "max-age=;"}, (60, "max-age")),
    ("an empty targeted field is ignored", {"Cache_Control": "max-age=60", "CDN_Cache_Control": ""}, (60, "max-age")),
    ("Expires is ignored beside a targeted field", {"Expires": AGO, "CDN_Cache_Control": "must-revalidate"}, (0, "none")),
    ("ours comes before CDN-Cache-Control", {"Edgeward_Cache_Control": "max-age=3", "CDN_Cache_Control": "max-age=9"}, (3, "edgeward-cache-control-max-age")),
    ("Surrogate-Control with content and a target", {"Surrogate_Control": "content=\"ESI/1.0, x\", max-age=7;edge"}, (7, "surrogate-control-max-age")),
    ("Surrogate-Control is understood", {"Surrogate_Control": "max-age=7+30", "Cache_Control": "max-age=1"}, (7, "surrogate-control-max-age")),
]  # fmt: skip


@pytest.mark.requirement("9111§4.2.1 calculate-freshness-lifetime")
@pytest.mark.requirement("9111§4.2.1 invalid-freshness-is-stale")
@pytest.mark.requirement("9111§4.2.1 of-several-values-the-most-restrictive")
@pytest.mark.requirement("9111§1.2.2 overflow-is-2-to-the-31")
@pytest.mark.requirement("9111§5.2 directives-compare-without-case")
@pytest.mark.requirement("9111§5.2 token-and-quoted-arguments-are-accepted")
@pytest.mark.requirement("9111§5.2.2.10 s-maxage-overrides-max-age-and-expires")
@pytest.mark.requirement("9111§5.3 invalid-expires-is-past")
@pytest.mark.requirement("9111§5.3 max-age-and-s-maxage-override-expires")
@pytest.mark.requirement("9213§2.1 wrong-types-are-not-consumed")
@pytest.mark.requirement("9213§2.1 invalid-or-empty-field-is-ignored")
@pytest.mark.requirement("9213§2.2 targeted-field-replaces-cache-control-and-expires")
@pytest.mark.parametrize(("fields", "expected"), [c[1:] for c in LIFETIMES], ids=[c[0] for c in LIFETIMES])
def test_freshness_lifetime(fields, expected):
    lifetime = lifetime_of(stored(**fields), POLICY)
    assert (lifetime.seconds, lifetime.source) == expected


POLICIES = [
    ("default where none is given", SitePolicy(default_ttl=5), {}, 200, (5, "default-ttl")),
    (
        "default does not touch what is given",
        SitePolicy(default_ttl=5),
        {"Cache_Control": "max-age=1"},
        200,
        (1, "max-age"),
    ),
    (
        "default does not touch what is stale",
        SitePolicy(default_ttl=5),
        {"Expires": "0"},
        200,
        (0, "expires-invalid"),
    ),
    (
        "default comes before a guess",
        SitePolicy(default_ttl=5),
        {"Last_Modified": AGO},
        200,
        (5, "default-ttl"),
    ),
    ("default is for statuses with heuristics (§4.2.2)", SitePolicy(default_ttl=5), {}, 500, (0, "none")),
    (
        "default is for what is public",
        SitePolicy(default_ttl=5),
        {"Cache_Control": "public"},
        500,
        (5, "default-ttl"),
    ),
    ("by status is for any status", SitePolicy(status_ttl={500: 2}), {}, 500, (2, "status-ttl")),
    ("by status", SitePolicy(default_ttl=5, status_ttl={404: 2}), {}, 404, (2, "status-ttl")),
    ("at least", SitePolicy(min_ttl=30), {"Cache_Control": "max-age=1"}, 200, (30, "min-ttl")),
    ("at most", SitePolicy(max_ttl=30), {"Cache_Control": "max-age=99"}, 200, (30, "max-ttl")),
]


@pytest.mark.parametrize(
    ("policy", "fields", "status", "expected"), [c[1:] for c in POLICIES], ids=[c[0] for c in POLICIES]
)
def test_the_operators_policy_is_named_as_the_source(policy, fields, status, expected):
    lifetime = lifetime_of(stored(status, **fields), policy)
    assert (lifetime.seconds, lifetime.source) == expected


@pytest.mark.requirement("9111§4.2.2 no-heuristic-beside-explicit-expiration")
def test_no_heuristic_beside_an_explicit_expiration():
    assert lifetime_of(stored(Expires="0", Last_Modified=AGO), POLICY).seconds == 0


GUESSED = (200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501)
NOT_GUESSED = (201, 202, 302, 303, 307, 400, 401, 403, 429, 500, 502, 503, 504, 599)


@pytest.mark.requirement("9111§4.2.2 heuristics-only-where-defined-or-public")
@pytest.mark.parametrize(
    ("status", "fresh"), [*((one, True) for one in GUESSED), *((one, False) for one in NOT_GUESSED)]
)
def test_heuristics_are_for_statuses_defined_so(status, fresh):
    assert (lifetime_of(stored(status, Last_Modified=AGO), POLICY).seconds > 0) is fresh
    assert lifetime_of(stored(status, Last_Modified=AGO, Cache_Control="public"), POLICY).seconds > 0


AGES = [
    ("7", 7),
    ("7, 9", 7),
    ("x", 0),
    ("-1", 0),
    ("1.5", 0),
    ("", 0),
    ("9" * 30, 2**31),
    (" 7 ", 7),
    ('"7"', 0),
    ("old, 7", 0),
    ("7;a=b", 0),
    ("0000000000007", 7),
    ("2147483649", 2**31),
    ("٧", 0),
]


@pytest.mark.requirement("9111§5.1 age-list-first-member")
@pytest.mark.requirement("9111§5.1 age-invalid-ignored")
@pytest.mark.parametrize(("text", "seconds"), AGES)
def test_age_field(text, seconds):
    assert age_value(Fields([("Age", text)])) == seconds


CURRENT = [
    ("just resident time", {}, 0, 100),
    ("the Age field adds (§4.2.3)", {"Age": "50"}, 0, 150),
    ("the delay of the response adds to Age", {"Age": "50"}, 8, 158),
    ("an old Date counts as apparent age", {"Date": format_http_date(RECEIVED - 30)}, 0, 130),
    ("the greater of the two counts", {"Date": format_http_date(RECEIVED - 30), "Age": "50"}, 0, 150),
    ("a Date in the future is no negative age", {"Date": format_http_date(RECEIVED + 500)}, 0, 100),
    ("no age is beyond 2^31 (§1.2.2)", {"Age": "2147483648"}, 8, 2**31),
    ("a Date that is none is the time of receipt", {"Date": "yesterday"}, 0, 100),
]


@pytest.mark.requirement("9111§4.2.3 age-interpreted-from-request-time")
@pytest.mark.requirement("9111§4.2.3 current-age-is-initial-age-and-resident-time")
@pytest.mark.requirement("9110§6.6.1 time-of-receipt-stands-in-for-date")
@pytest.mark.parametrize(("fields", "delay", "age"), [c[1:] for c in CURRENT], ids=[c[0] for c in CURRENT])
def test_current_age(fields, delay, age):
    one = replace(stored(**fields), request_time=RECEIVED - delay)
    assert current_age(one, NOW) == age


@given(st.integers(0, 10**6), st.floats(0, 10**6), st.floats(-(10**6), 10**6), st.floats(0, 10**6))
def test_age_never_shrinks_and_never_undercuts_the_age_field(age, delay, shift, later):
    one = replace(
        stored(Age=str(age)),
        fields=lines(Date=format_http_date(RECEIVED + shift), Age=str(age)),
        request_time=RECEIVED - delay,
    )
    assert current_age(one, NOW) >= age
    assert current_age(one, NOW + later) >= current_age(one, NOW)
    assert current_age(one, RECEIVED - later) >= age  # our clock may step back
