"""Structured field values (RFC 9651) that any text can go into, and lists read from any text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import http_sf

from httpcache.rules.fields import is_token

Member = tuple[object, Mapping[str, object]]
"""One member of a List: its bare item, and its parameters."""


def printable(text: str) -> str:
    """The text with a "?" for each character that a String may not hold (§3.3.3: printable ASCII only)."""
    return "".join(one if " " <= one <= "~" else "?" for one in text)


def token_or_string(text: str) -> http_sf.Token | str:
    """A Token where the text is one (§3.3.4: it begins with a letter or "*"), else a String."""
    begins = text[:1].isascii() and (text[:1].isalpha() or text[:1] == "*")
    return (
        http_sf.Token(text)
        if begins and is_token(text.replace(":", "").replace("/", ""))
        else printable(text)
    )


def render_member(name: str, parameters: Mapping[str, object]) -> str:
    """One member of a List: who says it as a Token or String, and what it says."""
    return str(http_sf.ser([(token_or_string(name), dict(parameters))]))  # type: ignore[list-item]


@lru_cache(4096)
def parse_names(value: str) -> tuple[Member, ...] | None:
    """The members of a List whose members are Tokens or Strings; None when the text is no such List.

    An empty text is an empty List.
    """
    if not value.strip():
        return ()
    try:
        members = http_sf.parse(value.encode("utf-8", "surrogateescape"), tltype="list")
    except ValueError:
        return None
    if not isinstance(members, list):
        return None
    read = tuple((one[0], one[1]) for one in members if isinstance(one, tuple))
    if len(read) != len(members) or not all(type(item) in (http_sf.Token, str) for item, _ in read):
        return None
    return read
