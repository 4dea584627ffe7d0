"""Which field's directives hold for this cache: targeted ones before Cache-Control (RFC 9213)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import http_sf

from httpcache.messages import Fields
from httpcache.rules.cache_control import ResponseDirectives, response_directives, response_directives_of
from httpcache.rules.fields import split_list

TARGET_LIST = ("edgeward-cache-control", "cdn-cache-control")
"""Targeted fields this cache obeys, first match first (RFC 9213 §2.2)."""

DURATIONS = frozenset(("max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"))
"""Directives whose value is an Integer."""


@dataclass(frozen=True, slots=True)
class Effective:
    """The directives that hold, and the lower-case name of the field they are from ("" when there is none)."""

    directives: ResponseDirectives
    source: str

    @property
    def is_targeted(self) -> bool:
        """Whether Cache-Control and Expires are to be ignored (RFC 9213 §2.2)."""
        return self.source not in ("", "cache-control")


def effective_directives(fields: Fields) -> Effective:
    """The directives of the first valid, non-empty targeted field; else of Surrogate-Control; else of Cache-Control."""
    for name in TARGET_LIST:
        value = fields.get(name)
        if value is not None and (directives := _targeted(value)) is not None:
            return Effective(directives, name)
    value = fields.get("surrogate-control")
    if value is not None and (directives := _surrogate(value)) is not None:
        return Effective(directives, "surrogate-control")
    return _untargeted(fields.get("cache-control"))


@lru_cache(2048)
def _untargeted(value: str | None) -> Effective:
    return Effective(response_directives(value or ""), "" if value is None else "cache-control")


@lru_cache(2048)
def _targeted(value: str) -> ResponseDirectives | None:
    """A Dictionary of directives; None when it is empty or not valid, and so to be ignored (RFC 9213 §2.1)."""
    try:
        dictionary = http_sf.parse(value.encode("utf-8", "surrogateescape"), tltype="dictionary")
    except (http_sf.StructuredFieldError, ValueError):
        return None
    if not isinstance(dictionary, dict) or not dictionary:
        return None
    pairs = [(name, _argument(name, item)) for name, item in dictionary.items() if not _is_false(item)]
    return response_directives_of(pairs)


def _bare(item: object) -> object:
    return item[0] if isinstance(item, tuple) else item


def _is_false(item: object) -> bool:
    return _bare(item) is False


def _argument(name: str, item: object) -> str | None:
    """An Item's value as a directive's argument, if it has the type that the directive infers (RFC 9213 §2.1).

    Another type is not consumed: seconds are then none, so stale, and a list of field names is none, so unqualified.
    """
    bare = _bare(item)
    if bare is True:
        return None
    if name in DURATIONS:
        return str(bare) if isinstance(bare, int) else ""
    return str(bare) if isinstance(bare, str) else ""


@lru_cache(2048)
def _surrogate(value: str) -> ResponseDirectives | None:
    """Surrogate-Control as Varnish and Fastly users send it: max-age (a "+" adds a stale window), no-store, private."""
    pairs: list[tuple[str, str | None]] = []
    for member in split_list(value):
        name, equals, argument = (part.strip() for part in member.partition(";")[0].partition("="))
        name = name.lower()
        if name == "max-age":
            fresh, plus, window = argument.partition("+")
            pairs.append(("max-age", fresh))
            if plus:
                pairs.append(("stale-while-revalidate", window))
        elif name in ("no-store", "private", "no-cache", "stale-while-revalidate", "stale-if-error"):
            pairs.append((name, argument if equals else None))
    return response_directives_of(pairs) if pairs else None
