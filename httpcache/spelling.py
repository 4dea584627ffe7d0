"""One spelling for all equivalent request targets (RFC 3986 §6.2.2), for names that must not depend on the spelling."""

from __future__ import annotations

import re

_SPELT = re.compile(r"%[0-9A-Fa-f]{2}|[^\x00-\x7f]+")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_DOTS = re.compile(r"/\.\.?(?=/|\?|\Z)")


def one_spelling(target: str) -> str:
    """The same for all equivalent targets: escapes in capitals, unreserved characters as they are, and what is beyond
    ASCII escaped, as clients send it."""
    return target if "%" not in target and target.isascii() else _SPELT.sub(_spell, target)


def has_dots(target: str) -> bool:
    """Whether the path of a target has dot segments, in whatever spelling."""
    return _DOTS.search(_SPELT.sub(_spell, target).partition("?")[0]) is not None


def without_dots(target: str) -> str:
    """Path and query without the path's dot segments (RFC 3986 §5.2.4); any other target as it is."""
    path, mark, query = target.partition("?")
    if not path.startswith("/") or not _DOTS.search(path):
        return target
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            kept = kept[:-1]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept) + mark + query


def name_without_dots(name: str) -> str:
    """A name of stored responses (authority, path and query) without the path's dot segments."""
    authority, slash, rest = name.partition("/")
    return authority + without_dots(slash + rest)


def names_of(name: str) -> tuple[str, ...]:
    """A name of stored responses, and where it has dot segments also that of what they lead to (RFC 3986 §5.2.4)."""
    return tuple(dict.fromkeys((name, name_without_dots(name)))) if "/." in name else (name,)


def _spell(found: re.Match[str]) -> str:
    text = found[0]
    if text[0] != "%":
        return "".join(f"%{octet:02X}" for octet in text.encode("utf-8", "surrogatepass"))
    character = chr(int(text[1:], 16))
    return character if _UNRESERVED.fullmatch(character) else text.upper()
