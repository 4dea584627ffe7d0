"""Lists, parameters, qualities and entity tags in field values (RFC 9110 §5.6). Nothing is ever tested by substring."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_MEMBER = re.compile(rf'(?:{_QUOTED}|[^",])+|"', re.DOTALL)
_QVALUE = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\uffff]*)"')


def split_list(value: str) -> list[str]:
    """Members of a comma-separated list (§5.6.1), without empty ones; commas within quoted strings do not split."""
    return [stripped for member in _MEMBER.findall(value) if (stripped := member.strip(" \t"))]


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
    """The entity tags of a list, None for "*"; members that are no entity tag are left out."""
    if value.strip() == "*":
        return None
    return tuple(EntityTag(bool(weak), opaque) for weak, opaque in _ENTITY_TAG.findall(value))
