"""HTTP-date (RFC 9110 §5.6.7) to and from Unix seconds, by arithmetic alone: no clock, no time zone of this machine."""

from __future__ import annotations

import re
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = {name.lower(): index for index, name in enumerate(_MONTHS, 1)}
_TIME = r"(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)"
_IMF = re.compile(rf"[a-z]{{3}}, (?P<d>\d\d) (?P<mon>[a-z]{{3}}) (?P<y>\d{{4}}) {_TIME} gmt", re.ASCII)
_RFC850 = re.compile(rf"[a-z]{{6,9}}, (?P<d>\d\d)-(?P<mon>[a-z]{{3}})-(?P<y>\d\d) {_TIME} gmt", re.ASCII)
_ASCTIME = re.compile(rf"[a-z]{{3}} (?P<mon>[a-z]{{3}}) (?P<d>[ \d]\d) {_TIME} (?P<y>\d{{4}})", re.ASCII)
_FIFTY_YEARS = 50 * 365.2425 * 86400


def parse_http_date(text: str | None, now: float) -> float | None:
    """Unix seconds of any of the three forms, in any case (RFC 9111 §4.2); None when it is no date.

    The name of the day is not compared with the date: the rest says the same without it. A two-digit year more than
    50 years ahead of `now` is of the century before.
    """
    if text is None:
        return None
    parsed = _read(text)
    if not isinstance(parsed, tuple):
        return parsed
    (year, month, day), seconds = parsed
    year += _civil(now)[0] // 100 * 100
    if (_days(year, month, day) * 86400 + seconds) - now > _FIFTY_YEARS:
        year -= 100
    return _seconds((year, month, day), seconds)


def _seconds(date: tuple[int, int, int], seconds: int) -> float | None:
    """Unix seconds of a date and the seconds of its day; None where there is no such date."""
    year, month, day = date
    # Only now is known whether it is the century that makes the 29th of February none.
    return None if day > _longest(year, month) else float(_days(year, month, day) * 86400 + seconds)


@lru_cache(4096)
def _read(text: str) -> float | tuple[tuple[int, int, int], int] | None:
    """Unix seconds, or, where the year has two digits alone, the date and the seconds of its day."""
    parsed = _parse(text.strip().lower())
    if parsed is None:
        return None
    date, seconds, short = parsed
    return (date, seconds) if short else _seconds(date, seconds)


def _parse(text: str) -> tuple[tuple[int, int, int], int, bool] | None:
    match = _IMF.fullmatch(text) or _ASCTIME.fullmatch(text)
    short = False
    if match is None:
        match, short = _RFC850.fullmatch(text), True
    if match is None or match["mon"] not in _MONTH:
        return None
    month, day, year = _MONTH[match["mon"]], int(match["d"]), int(match["y"])
    hour, minute, second = int(match["h"]), int(match["m"]), int(match["s"])
    if not (1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        return None
    # A leap second counts as the second before it: the nearest time that is no later (RFC 9111 §4.2).
    return (year, month, day), hour * 3600 + minute * 60 + min(second, 59), short


def _longest(year: int, month: int) -> int:
    leap = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return (31, leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar."""
    year -= month <= 2
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468


def _civil(when: float) -> tuple[int, int, int]:
    days = int(when // 86400) + 719468
    era = days // 146097
    day_of_era = days - era * 146097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_index = (5 * day_of_year + 2) // 153
    month = month_index + (3 if month_index < 10 else -9)
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * month_index + 2) // 5 + 1


def format_http_date(when: float) -> str:
    """The preferred form (IMF-fixdate) of Unix seconds, cut to whole ones."""
    return _format(int(when))


@lru_cache(1024)
def _format(seconds: int) -> str:
    year, month, day = _civil(seconds)
    rest = seconds % 86400
    weekday = _DAYS[(seconds // 86400 + 3) % 7]
    clock = f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{weekday}, {day:02} {_MONTHS[month - 1]} {year:04} {clock} GMT"
