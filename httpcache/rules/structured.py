"""Structured field values (RFC 9651) that any text can go into, and lists read from any text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import http_sf

from httpcache.rules.fields import is_token

Member = tuple[object, Mapping[str, object]]
"""One member of a List: its bare item, and its parameters."""


def printable(text: str) -> str:
    """The text with a "?" for each character that a String may not hold (§3.3.3: printable ASCII only)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if " " <= one <= "~" else "?" for one in text)


def token_or_string(text: str) -> http_sf.Token | str:
    """A Token where the text is one (§3.3.4: it begins with a letter or "*"), else a String."""
    begins = text[:1].isascii() and (text[:1].isalpha() or text[:1] == "*")
    return (
        http_sf.Token(text)
        if begins and is_token(text.replace(":", "").replace("/", ""))
        else printable(text)
    )


@lru_cache(256)
def render_name(text: str) -> str:
    """A Token or a String, as token_or_string says, written down (§4.1.6, §4.1.7)."""
    said = token_or_string(text)
    return str(said) if isinstance(said, http_sf.Token) else render_string(said)


def render_string(text: str) -> str:
    """A String written down (§4.1.6), with a "?" for what it may not hold."""
    text = printable(text)
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def render_member(name: str, parameters: Mapping[str, object]) -> str:
    """One member of a List: who says it as a Token or String, and what it says."""
    return str(http_sf.ser([(token_or_string(name), dict(parameters))]))  # type: ignore[list-item]


_KEY, _TOKEN = r"[a-z*][a-z0-9_.*-]*", r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*"
_STRING = r'"[ !#-\[\]-~]*"'
_PLAIN_MEMBER = rf"(?:{_TOKEN}|{_STRING})(?:;{_KEY}(?:=(?:-?[0-9]{{1,15}}|{_TOKEN}|{_STRING}))?)*"
_PLAIN_LIST = re.compile(rf"{_PLAIN_MEMBER}(?:, {_PLAIN_MEMBER})*")


def is_list_of_names(value: str) -> bool:
    """Whether the text is a List whose members are Tokens or Strings, and not empty."""
    return _PLAIN_LIST.fullmatch(value) is not None or bool(parse_names(value))


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
