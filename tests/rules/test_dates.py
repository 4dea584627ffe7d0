"""HTTP-date (RFC 9110 §5.6.7)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.rules.dates import format_http_date, parse_http_date

NOW = 1_700_000_000.0
MOMENT = 784111777.0

DATES = [
    ("the preferred form", "Sun, 06 Nov 1994 08:49:37 GMT", MOMENT),
    ("the form of RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", MOMENT),
    ("the form of asctime", "Sun Nov  6 08:49:37 1994", MOMENT),
    ("another case (9111 §4.2)", "sun, 06 nov 1994 08:49:37 gmt", MOMENT),
    (
        "two digits within fifty years ahead",
        "Sunday, 06-Nov-50 08:49:37 GMT",
        datetime(2050, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp(),
    ),
    ("a leap second", "Sun, 06 Nov 1994 08:49:60 GMT", MOMENT + 22),
    ("two digits more than fifty years ahead", "Sunday, 06-Nov-94 08:49:37 GMT", MOMENT),
    ("a name of another day", "Mon, 06 Nov 1994 08:49:37 GMT", MOMENT),
    ("a 29th of February that the century has", "Tuesday, 29-Feb-00 00:00:00 GMT", 951782400.0),
    ("a 29th of February that no century has", "Friday, 29-Feb-99 00:00:00 GMT", None),
    ("two digits of the year in the preferred form", "Sun, 06 Nov 94 08:49:37 GMT", None),
    ("no comma", "Sun 06 Nov 1994 08:49:37 GMT", None),
    ("two spaces", "Sun, 06  Nov  1994 08:49:37 GMT", None),
    ("dashes", "Sun, 06-Nov-1994 08:49:37 GMT", None),
    ("points in the time", "Sun, 06 Nov 1994 08.49.37 GMT", None),
    ("one digit of the hour", "Sun, 06 Nov 1994 8:49:37 GMT", None),
    ("two dates", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", None),
    ("UTC", "Sun, 06 Nov 1994 08:49:37 UTC", None),
    ("digits of another script", "Sun, ٠٦ Nov 1994 08:49:37 GMT", None),
    ("another zone", "Sun, 06 Nov 1994 08:49:37 CET", None),
    ("a numeric zone", "Sun, 06 Nov 1994 08:49:37 +0000", None),
    ("no such day", "Sun, 31 Feb 1994 08:49:37 GMT", None),
    ("no such hour", "Sun, 06 Nov 1994 24:49:37 GMT", None),
    ("one digit of the day", "Sun, 6 Nov 1994 08:49:37 GMT", None),
    ("no seconds", "Sun, 06 Nov 1994 08:49 GMT", None),
    ("a number", "0", None),
    ("nothing", "", None),
]


@pytest.mark.requirement("9110§5.6.7 accept-all-three-date-forms")
@pytest.mark.requirement("9110§5.6.7 two-digit-years-over-fifty-ahead-are-past")
@pytest.mark.requirement("9111§4.2 dates-match-without-case")
@pytest.mark.requirement("9111§4.2 zones-other-than-gmt-are-invalid")
@pytest.mark.requirement("9111§4.2 local-time-zone-has-no-influence")
@pytest.mark.requirement("9111§4.2 parsed-date-is-equal-or-earlier")
@pytest.mark.parametrize(("text", "seconds"), [c[1:] for c in DATES], ids=[c[0] for c in DATES])
def test_parse(text, seconds):
    assert parse_http_date(text, NOW) == seconds


@given(st.integers(-(10**9), 10**11))
def test_what_is_formatted_is_what_the_calendar_says_and_parses_back(seconds):
    text = format_http_date(seconds)
    assert parse_http_date(text, NOW) == seconds
    assert text == datetime.fromtimestamp(seconds, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


@given(st.text())
def test_any_text_is_a_date_or_none(text):
    assert parse_http_date(text, NOW) is None or isinstance(parse_http_date(text, NOW), float)
