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
    return _weighted(value, name != "accept") if name in WEIGHTED else _plain(value)


@lru_cache(8192)
def _weighted(value: str, parameters_are_weights: bool) -> str:
    """Members in the order of their weights, then of their names; the case of these members does not matter."""
    if not parameters_are_weights:
        return ",".join(sorted("".join(member.lower().split()) for member in split_list(value)))
    best: dict[str, float] = {}
    for name, weight in parse_quality_list(value):
        best[name] = max(weight, best.get(name, 0.0))
    ordered = sorted(best.items(), key=lambda item: (-item[1], item[0]))
    return ",".join(name if weight == 1 else f"{name};q={weight:g}" for name, weight in ordered)


@lru_cache(8192)
def _plain(value: str) -> str:
    """White space around members and in runs does not matter; order and case may."""
    return ",".join(" ".join(member.split()) for member in split_list(value))


def matches(stored: StoredResponse, request: Fields) -> bool:
    """Whether each selecting field has the value that the stored response was chosen by."""
    return all(normal_value(name, request.get(name)) == value for name, value in stored.selecting)


def select(candidates: Sequence[Candidate], request: RequestHead) -> list[Candidate]:
    """The candidates that match, the one to use first: with a Vary field before without, then the most recent."""
    matching = [one for one in candidates if matches(one.stored, request.fields)]
    if len(matching) < 2:
        return matching
    return sorted(matching, key=_rank, reverse=True)


def _rank(candidate: Candidate) -> tuple[bool, float, float]:
    stored = candidate.stored
    return bool(stored.selecting), date_value(stored.fields, stored.response_time), stored.response_time
