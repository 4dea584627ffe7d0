"""Cache directives of requests and responses (RFC 9111 §5.2, RFC 5861, RFC 8246), as the real world sends them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from httpcache.messages import Fields
from httpcache.rules.fields import split_list, unquote

GREATEST = 2**31
"""What a larger number of seconds counts as (RFC 9111 §1.2.2)."""

_DIGITS = re.compile(r"\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class ResponseDirectives:
    """Directives of a response. Durations are seconds; None is absent.

    A duration that is no number counts as 0: stale. Of several, the least counts. `no_cache_fields` and
    `private_fields` are the names of the qualified forms, in lower case.
    """

    max_age: int | None = None
    s_maxage: int | None = None
    no_store: bool = False
    no_cache: bool = False
    no_cache_fields: frozenset[str] = frozenset()
    private: bool = False
    private_fields: frozenset[str] = frozenset()
    public: bool = False
    must_revalidate: bool = False
    proxy_revalidate: bool = False
    must_understand: bool = False
    no_transform: bool = False
    immutable: bool = False
    stale_while_revalidate: int | None = None
    stale_if_error: int | None = None


@dataclass(frozen=True, slots=True)
class RequestDirectives:
    """Directives of a request. Durations are seconds; None is absent. `max_stale` without an argument is GREATEST."""

    max_age: int | None = None
    max_stale: int | None = None
    min_fresh: int | None = None
    no_cache: bool = False
    no_store: bool = False
    no_transform: bool = False
    only_if_cached: bool = False
    stale_if_error: int | None = None


def parse_response_directives(fields: Fields) -> ResponseDirectives:
    """The directives of Cache-Control in a response."""
    return response_directives(fields.get("cache-control") or "")


def parse_request_directives(fields: Fields) -> RequestDirectives:
    """The directives of Cache-Control in a request; Pragma: no-cache counts where there is none (RFC 9111 §5.4)."""
    value = fields.get("cache-control")
    if value is None:
        pragma = fields.get("pragma")
        named = pragma is not None and any(member.lower() == "no-cache" for member in split_list(pragma))
        return RequestDirectives(no_cache=True) if named else RequestDirectives()
    return _request_directives(value)


@lru_cache(8192)
def response_directives(value: str) -> ResponseDirectives:
    """The directives of one combined field value."""
    return response_directives_of(_directives(value))


def response_directives_of(pairs: Iterable[tuple[str, str | None]]) -> ResponseDirectives:
    """Directives from names and arguments; unrecognised ones are ignored (RFC 9111 §5.2.3)."""
    seen: dict[str, list[str | None]] = {}
    for name, argument in pairs:
        seen.setdefault(name, []).append(argument)
    return ResponseDirectives(
        max_age=_least_seconds(seen.get("max-age")),
        s_maxage=_least_seconds(seen.get("s-maxage")),
        no_store="no-store" in seen,
        # The unqualified form wins over a qualified one beside it: it forbids more.
        no_cache=_is_unqualified(seen.get("no-cache")),
        no_cache_fields=_names(seen.get("no-cache")),
        private=_is_unqualified(seen.get("private")),
        private_fields=_names(seen.get("private")),
        public="public" in seen,
        must_revalidate="must-revalidate" in seen,
        proxy_revalidate="proxy-revalidate" in seen,
        must_understand="must-understand" in seen,
        no_transform="no-transform" in seen,
        immutable="immutable" in seen,
        stale_while_revalidate=_least_seconds(seen.get("stale-while-revalidate")),
        stale_if_error=_least_seconds(seen.get("stale-if-error")),
    )


@lru_cache(8192)
def _request_directives(value: str) -> RequestDirectives:
    seen: dict[str, list[str | None]] = {}
    for name, argument in _directives(value):
        seen.setdefault(name, []).append(argument)
    max_stale = seen.get("max-stale")
    return RequestDirectives(
        max_age=_least_seconds(seen.get("max-age")),
        max_stale=GREATEST if max_stale == [None] else _least_seconds(max_stale),
        # Of several, the greatest asks for most; what is no number asks for nothing that could be kept to.
        min_fresh=max((_seconds(one) or 0 for one in seen["min-fresh"]), default=None)
        if "min-fresh" in seen
        else None,
        no_cache="no-cache" in seen,
        no_store="no-store" in seen,
        no_transform="no-transform" in seen,
        only_if_cached="only-if-cached" in seen,
        stale_if_error=_least_seconds(seen.get("stale-if-error")),
    )


def _directives(value: str) -> list[tuple[str, str | None]]:
    pairs: list[tuple[str, str | None]] = []
    for member in split_list(value):
        name, equals, argument = member.partition("=")
        pairs.append((name.strip().lower(), argument.strip() if equals else None))
    return pairs


def _seconds(argument: str | None) -> int | None:
    """Seconds of an argument, in the token or the quoted form (RFC 9111 §5.2: recipients accept both)."""
    text = unquote(argument or "")
    if _DIGITS.fullmatch(text) is None:
        return None
    return GREATEST if len(text) > 10 else min(int(text), GREATEST)


def _least_seconds(arguments: list[str | None] | None) -> int | None:
    if arguments is None:
        return None
    return min(_seconds(one) or 0 for one in arguments)


def _is_unqualified(arguments: list[str | None] | None) -> bool:
    return arguments is not None and any(not _field_names(one) for one in arguments)


def _names(arguments: list[str | None] | None) -> frozenset[str]:
    return frozenset(name for one in arguments or () for name in _field_names(one))


def _field_names(argument: str | None) -> list[str]:
    return [name.lower() for name in split_list(unquote(argument or ""))]
