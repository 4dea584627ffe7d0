"""Cache-Status (RFC 9211): rendered from the decision, and read back for reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import http_sf

from httpcache.messages import Fields
from httpcache.rules.decisions import Handling

NAME = "Cache-Status"


@lru_cache(8192)
def render(node: str, handling: Handling) -> str:
    """This tier's member: its name, and what happened to the request in it."""
    parameters: dict[str, http_sf.Token | str | int | bool] = {}
    if handling.hit:
        parameters["hit"] = True
    elif handling.fwd is not None:
        parameters["fwd"] = http_sf.Token(handling.fwd.value)
    if handling.fwd_status is not None and not handling.hit:
        parameters["fwd-status"] = handling.fwd_status
    if handling.ttl is not None:
        parameters["ttl"] = handling.ttl
    if handling.stored:
        parameters["stored"] = True
    if handling.collapsed:
        parameters["collapsed"] = True
    if handling.key and (printable := _printable(handling.key)):
        parameters["key"] = printable
    if handling.detail:
        parameters["detail"] = http_sf.Token(handling.detail)
    return http_sf.ser([(http_sf.Token(node), parameters)])  # type: ignore[list-item]


def _printable(text: str) -> str:
    """A String may hold printable ASCII only (RFC 9651 §3.3.3)."""
    return "".join(one if " " <= one <= "~" else "?" for one in text)


def add_cache_status(fields: Fields, node: str, handling: Handling) -> Fields:
    """The fields with this tier's member after those of the tiers nearer the origin; what is no list is dropped."""
    values = fields.all("cache-status")
    kept = fields
    if values and not _members(", ".join(values)):
        kept = fields.without({"cache-status"})
    return kept.adding((NAME, render(node, handling)))


@dataclass(frozen=True, slots=True)
class Member:
    """One tier's member of Cache-Status."""

    cache: str
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_hit(self) -> bool:
        """Whether that tier answered from what it had stored."""
        return self.parameters.get("hit") is True


def parse(fields: Fields) -> list[Member]:
    """The members, nearest the origin first; none when the field is not valid."""
    return _members(", ".join(fields.all("cache-status"))) or []


def _members(value: str) -> list[Member] | None:
    if not value.strip():
        return []
    try:
        members = http_sf.parse(value.encode("utf-8", "surrogateescape"), tltype="list")
    except (http_sf.StructuredFieldError, ValueError):
        return None
    if not isinstance(members, list):
        return None
    read = []
    for one in members:
        name, parameters = one if isinstance(one, tuple) else (one, {})
        plain = {
            key: str(item) if isinstance(item, http_sf.Token) else item for key, item in parameters.items()
        }
        read.append(Member(str(name), plain))
    return read
