"""Selecting a stored response by the request fields that Vary names (RFC 9111 §4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from httpcache.messages import Fields, RequestHead, StoredResponse
from httpcache.rules.decisions import Candidate
from httpcache.rules.fields import parse_quality_list, split_list
from httpcache.rules.freshness import date_value

Selecting = tuple[tuple[str, str | None], ...]

WEIGHTED = frozenset(("accept-encoding", "accept-language", "accept-charset", "accept"))
"""Fields whose members have weights and no order of their own (RFC 9110 §12.5)."""


def vary_names(fields: Fields) -> tuple[str, ...] | None:
    """Lower-case names of the Vary field, sorted, each once; None for "*"."""
    value = fields.get("vary")
    if value is None:
        return ()
    names = {name.lower() for name in split_list(value)}
    return None if "*" in names else tuple(sorted(names))


def selecting_fields(request: Fields, names: Sequence[str]) -> Selecting:
    """The normalised value of each named field in a request, None where it is absent."""
    return tuple((name, normal_value(name, request.get(name))) for name in names)


def normal_value(name: str, value: str | None) -> str | None:
    """A field value in the one spelling that stands for all that mean the same, by the field's own syntax."""
    if value is None:
        return None
    if name == "accept":
        return _media_ranges(value)
    return _weighted(value) if name in WEIGHTED else _plain(value)


@lru_cache(8192)
def _media_ranges(value: str) -> str:
    """Members in one order; names in lower case, what parameters say as it is, for it may depend on case."""
    return ",".join(sorted(map(_media_range, split_list(value))))


def _media_range(member: str) -> str:
    if '"' in member:
        return member  # a quoted parameter may hold anything
    kind, *parameters = (part.strip(" \t") for part in member.split(";"))
    pairs = (parameter.partition("=") for parameter in parameters if parameter)
    return ";".join((kind.lower(), *(f"{name.lower()}{equals}{text}" for name, equals, text in pairs)))


@lru_cache(8192)
def _weighted(value: str) -> str:
    """Members in the order of their weights, then of their names; the case of these members does not matter."""
    best: dict[str, float] = {}
    for name, weight in parse_quality_list(value):
        best[name] = max(weight, best.get(name, 0.0))
    ordered = sorted(best.items(), key=lambda item: (-item[1], item[0]))
    return ",".join(name if weight == 1 else f"{name};q={weight:g}" for name, weight in ordered)


@lru_cache(8192)
def _plain(value: str) -> str:
    """White space around members does not matter; what is within them, their order and their case may."""
    return ",".join(split_list(value))


def matches(stored: StoredResponse, request: Fields) -> bool:
    """Whether the stored response may answer: each selecting field has the value that it was chosen by.

    Or, for Accept-Language, asks before all for the very language that the response is in: whatever the original
    request said, the server has that language, and would choose it by the weights (RFC 9111 §4.1, 9110 §12.5.4).
    """
    for name, value in stored.selecting:
        given = request.get(name)
        if normal_value(name, given) == value:
            continue
        if name != "accept-language" or given is None or not _is_in_language(stored.fields, given):
            return False
    return True


def _is_in_language(fields: Fields, accept_language: str) -> bool:
    wanted = _favourite(accept_language)
    return wanted is not None and wanted == (fields.get("content-language") or "").strip(" \t").lower()


@lru_cache(8192)
def _favourite(accept_language: str) -> str | None:
    """The one language with the greatest weight; None when there are several, or any will do."""
    ranked = sorted(parse_quality_list(accept_language), key=lambda item: -item[1])
    if not ranked or ranked[0][1] == 0 or (len(ranked) > 1 and ranked[1][1] == ranked[0][1]):
        return None
    return None if ranked[0][0] == "*" else ranked[0][0]


def is_exact(stored: StoredResponse, request: Fields) -> bool:
    """Whether each selecting field has the very value of the original request, once normalised."""
    return all(normal_value(name, request.get(name)) == value for name, value in stored.selecting)


def select(candidates: Sequence[Candidate], request: RequestHead) -> list[Candidate]:
    """The candidates that match, the one to use first.

    One with a Vary field comes before one without (RFC 9111 §4.1), one that matches by value before one that matches
    by its language, then the most recent by Date, then the one received last.
    """
    matching = [one for one in candidates if matches(one.stored, request.fields)]
    if len(matching) < 2:
        return matching
    return sorted(matching, key=lambda one: _rank(one.stored, request.fields), reverse=True)


def _rank(stored: StoredResponse, request: Fields) -> tuple[bool, bool, float, float]:
    date = date_value(stored.fields, stored.response_time)
    return bool(stored.selecting), is_exact(stored, request), date, stored.response_time
