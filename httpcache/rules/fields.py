"""Lists, parameters, qualities and entity tags in field values (RFC 9110 §5.6). Nothing is ever tested by substring."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TOKEN = re.compile(TOKEN)
# One character at a time within quotes: what has no end is then given up in one pass. (Possessive repeats would say it
# too, but Python before 3.11.4 takes some of them wrongly.)
_MEMBER = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*")*', re.DOTALL)
_QVALUE = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\uffff]*)"')
_TAGS_MEMBER = re.compile(r'[ \t]*(?:(W/)?"([\x21\x23-\x7e\x80-\uffff]*)"[ \t]*(?=,|\Z)|[^,]*)(?:,|\Z)')


_CONTROLS = dict.fromkeys([*range(0x09), *range(0x0A, 0x20), 0x7F], " ")


def field_value(octets: bytes) -> str:
    """The text of a received field value, without white space around it; a control character counts as SP (§5.5)."""
    return without_controls(octets.decode("utf-8", "surrogateescape")).strip(" \t")


def without_controls(text: str) -> str:
    """A field value or reason phrase with SP for each control character but the tab."""
    return text if text.isprintable() else text.translate(_CONTROLS)


def split_list(value: str) -> list[str]:
    """Members of a comma-separated list (§5.6.1), without empty ones; commas within quoted strings do not split.

    A quote that nothing closes is an ordinary character, so that what follows it is still read (and no-store in it
    still obeyed). Takes time in proportion to the length, whatever the text.
    """
    if '"' not in value:
        return [member for part in value.split(",") if (member := part.strip(" \t"))]
    parts: list[str] = []
    start, length = 0, len(value)
    while start <= length:
        match = _MEMBER.match(value, start)
        end = match.end() if match else start
        if end < length and value[end] == '"':
            parts += value[start:].split(",")  # unclosed; then so is every quote after it
            break
        parts.append(value[start:end])
        start = end + 1
    return [member for part in parts if (member := part.strip(" \t"))]


def is_token(text: str) -> bool:
    """Whether the text is a token (§5.6.2), as every field name is."""
    return _TOKEN.fullmatch(text) is not None


def unquote(text: str) -> str:
    """The content of a quoted string (§5.6.4), or the text itself when it is none."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return text


@lru_cache(4096)
def parse_quality_list(value: str) -> tuple[tuple[str, float], ...]:
    """Lower-case members with their weights (§12.4.2); a weight that is none counts as 0, a missing one as 1."""
    weighed = []
    for member in split_list(value):
        name, *parameters = (part.strip(" \t") for part in member.split(";"))
        weight = 1.0
        for parameter in parameters:
            key, _, text = parameter.partition("=")
            if key.strip().lower() == "q":
                weight = float(text) if _QVALUE.fullmatch(text.strip()) else 0.0
        if name:
            weighed.append((name.lower(), weight))
    return tuple(weighed)


@dataclass(frozen=True, slots=True)
class EntityTag:
    """A validator of one representation (RFC 9110 §8.8.3)."""

    weak: bool
    opaque: str

    def matches_weakly(self, other: EntityTag) -> bool:
        """Weak comparison: same opaque part (§8.8.3.2)."""
        return self.opaque == other.opaque

    def matches_strongly(self, other: EntityTag) -> bool:
        """Strong comparison: same opaque part, neither weak (§8.8.3.2)."""
        return not self.weak and not other.weak and self.opaque == other.opaque

    def __str__(self) -> str:
        return f'W/"{self.opaque}"' if self.weak else f'"{self.opaque}"'


def parse_entity_tag(value: str | None) -> EntityTag | None:
    """One entity tag, or None when the text is none."""
    match = _ENTITY_TAG.fullmatch(value.strip()) if value else None
    return EntityTag(bool(match[1]), match[2]) if match else None


def parse_entity_tags(value: str) -> tuple[EntityTag, ...] | None:
    """The entity tags of a list, None for "*"; members that are no entity tag are left out.

    A comma or a backslash within an entity tag is its own (§8.8.3): these are no quoted strings.
    """
    if value.strip(" \t") == "*":
        return None
    found = (match.groups() for match in _TAGS_MEMBER.finditer(value))
    return tuple(EntityTag(bool(weak), opaque) for weak, opaque in found if opaque is not None)
