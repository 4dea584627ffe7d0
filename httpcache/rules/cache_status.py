"""Cache-Status (RFC 9211): rendered from the decision, and read back for reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import http_sf

from httpcache.messages import Fields
from httpcache.rules.decisions import Handling
from httpcache.rules.structured import is_list_of_names, parse_names, render_name, render_string

NAME = "Cache-Status"

GREATEST = 10**15 - 1
"""The greatest Integer (RFC 9651 §3.3.1)."""

LONGEST_KEY = 1024
"""Characters of a cache key that are told; a target may be longer than clients accept in a field."""


def render(node: str, handling: Handling) -> str:
    """This tier's member: its name, and what happened to the request in it.

    hit and fwd exclude each other (§2.2); fwd-status, stored and collapsed mean nothing without fwd (§2.3, §2.5,
    §2.6), so they are left out of a hit. Written down by hand, as RFC 9651 §4.1 has it: it is in every answer.
    """
    said = [render_name(node)]
    forwarded = handling.fwd is not None and not handling.hit
    if handling.hit:
        said.append("hit")
    elif handling.fwd is not None:
        said.append(f"fwd={handling.fwd.value}")
    if forwarded and handling.fwd_status is not None:
        said.append(f"fwd-status={handling.fwd_status}")
    if handling.ttl is not None:
        said.append(f"ttl={max(-GREATEST, min(GREATEST, handling.ttl))}")
    if forwarded and handling.stored:
        said.append("stored")
    if forwarded and handling.collapsed:
        said.append("collapsed")
    if handling.key:
        said.append(f"key={render_string(handling.key[:LONGEST_KEY])}")
    if handling.detail:
        said.append(f"detail={render_name(handling.detail)}")
    return ";".join(said)


def add_cache_status(fields: Fields, node: str, handling: Handling) -> Fields:
    """The fields with this tier's member after those of the tiers nearer the origin (§2).

    What came is kept as it was spelt; a field that is no List of names would make ours unreadable, and is dropped.
    """
    values = fields.all("cache-status")
    kept = fields if not values or is_list_of_names(", ".join(values)) else fields.without({"cache-status"})
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
    return [
        Member(
            str(name),
            {key: str(item) if isinstance(item, http_sf.Token) else item for key, item in said.items()},
        )
        for name, said in parse_names(", ".join(fields.all("cache-status"))) or ()
    ]
