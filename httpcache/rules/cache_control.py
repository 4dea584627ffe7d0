"""Cache directives of requests and responses (RFC 9111 §5.2, RFC 5861, RFC 8246), as the real world sends them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from httpcache.messages import Fields
from httpcache.rules.fields import is_token, split_list, unquote

GREATEST = 2**31
"""What a larger number of seconds counts as (RFC 9111 §1.2.2)."""

_SECONDS = re.compile(r"0*(\d+)", re.ASCII)
_INVALID = "\x00"
"""An argument that can be none: what `=` has white space around it (RFC 9111 §5.2 allows none there)."""


def parse_seconds(text: str) -> int | None:
    """A delta-seconds (RFC 9111 §1.2.2), GREATEST where it is larger; None when it is no whole number."""
    match = _SECONDS.fullmatch(text)
    if match is None:
        return None
    return GREATEST if len(match[1]) > 10 else min(int(match[1]), GREATEST)


@dataclass(frozen=True, slots=True)
class ResponseDirectives:
    """Directives of a response. Durations are seconds; None is absent.

    A duration that is no number counts as 0: stale. Of several, the least counts (RFC 9111 §4.2.1 leaves the choice
    between the first and stale: the least is never fresher than either). `no_cache_fields` and `private_fields` are
    the names of the qualified forms, in lower case. What permits counts only as it is defined, without an argument;
    what forbids counts with any (RFC 9111 §5.2), but immutable, whose arguments mean nothing (RFC 8246 §2).
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


_NOTHING, _NO_CACHE = RequestDirectives(), RequestDirectives(no_cache=True)


def parse_request_directives(fields: Fields) -> RequestDirectives:
    """The directives of Cache-Control in a request; Pragma: no-cache counts where there is none (RFC 9111 §5.4)."""
    value = fields.get("cache-control")
    if value is None:
        pragma = fields.get("pragma")
        named = pragma is not None and any(member.lower() == "no-cache" for member in split_list(pragma))
        return _NO_CACHE if named else _NOTHING
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
        public=None in seen.get("public", ()),
        must_revalidate="must-revalidate" in seen,
        proxy_revalidate="proxy-revalidate" in seen,
        must_understand=None in seen.get("must-understand", ()),
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
        if name != (bare := name.rstrip(" \t")) or argument != argument.lstrip(" \t"):
            argument = _INVALID
        pairs.append((bare.lower(), argument if equals else None))
    return pairs


def _seconds(argument: str | None) -> int | None:
    """Seconds of an argument, in the token or the quoted form (RFC 9111 §5.2: recipients accept both)."""
    return parse_seconds(unquote(argument or ""))


def _least_seconds(arguments: list[str | None] | None) -> int | None:
    if arguments is None:
        return None
    return min(_seconds(one) or 0 for one in arguments)


def _is_unqualified(arguments: list[str | None] | None) -> bool:
    return arguments is not None and any(not _field_names(one) for one in arguments)


def _names(arguments: list[str | None] | None) -> frozenset[str]:
    return frozenset(name for one in arguments or () for name in _field_names(one))


def _field_names(argument: str | None) -> list[str]:
    """The names of a qualified form; none when a single one is no field name: the form is then unqualified."""
    names = split_list(unquote(argument or ""))
    return [name.lower() for name in names] if all(map(is_token, names)) else []


def stale_is_prohibited(response: ResponseDirectives) -> bool:
    """Whether the response must not be used once stale (RFC 9111 §4.2.4); s-maxage says so too (§5.2.2.10)."""
    return (
        response.must_revalidate
        or response.proxy_revalidate
        or response.no_cache
        or response.s_maxage is not None
    )


def storing_is_prohibited(response: ResponseDirectives) -> bool:
    """Whether a shared cache must not hold the response for anybody (RFC 9111 §5.2.2.5, §5.2.2.7).

    must-understand takes the place of no-store (§5.2.2.3); whether the status is understood is asked when storing.
    """
    return response.private or (response.no_store and not response.must_understand)
