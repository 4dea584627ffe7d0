"""What the tiers said of one answer: the members of Cache-Status (RFC 9211), and what each did with the request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

_NAME = re.compile(r'[ \t,]*("(?:[^"\\]|\\.)*"|[^;,\s"]+)', re.ASCII)
_PARAMETER = re.compile(r'[ \t]*;[ \t]*([a-z*][a-z0-9_.*-]*)(?:=("(?:[^"\\]|\\.)*"|[^;,\s"]+))?', re.ASCII)


@dataclass(frozen=True, slots=True)
class TierMember:
    """One member of Cache-Status: one cache that handled the response."""

    name: str
    hit: bool = False
    fwd: str | None = None
    fwd_status: int | None = None
    ttl: int | None = None
    stored: bool = False
    collapsed: bool = False
    key: str = ""
    detail: str = ""


class TierOutcome(StrEnum):
    """What one tier did with one request."""

    HIT = "hit"
    STALE = "stale"
    COLLAPSED = "collapsed"
    REVALIDATED = "revalidated"
    MISS = "miss"
    BYPASS = "bypass"


@lru_cache(maxsize=8192)
def read_tiers(field_value: str) -> tuple[TierMember, ...]:
    """The members of a Cache-Status field value, nearest the origin first; what cannot be read ends the list."""
    members, position = [], 0
    while match := _NAME.match(field_value, position):
        name, position = _text(match[1]), match.end()
        parameters: dict[str, str] = {}
        while match := _PARAMETER.match(field_value, position):
            parameters[match[1]] = match[2] or "?1"
            position = match.end()
        members.append(_member(name, parameters))
    return tuple(members)


def _member(name: str, parameters: dict[str, str]) -> TierMember:
    return TierMember(
        name=name,
        hit=parameters.get("hit") == "?1",
        fwd=parameters.get("fwd"),
        fwd_status=_number(parameters.get("fwd-status")),
        ttl=_number(parameters.get("ttl")),
        stored=parameters.get("stored") == "?1",
        collapsed=parameters.get("collapsed") == "?1",
        key=_text(parameters.get("key", "")),
        detail=_text(parameters.get("detail", "")),
    )


def _text(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _number(value: str | None) -> int | None:
    return int(value) if value is not None and re.fullmatch(r"-?\d{1,15}", value, re.ASCII) else None


def outcome(member: TierMember) -> TierOutcome:
    """What the cache that wrote `member` did."""
    if member.hit:
        return TierOutcome.STALE if member.ttl is not None and member.ttl < 0 else TierOutcome.HIT
    if member.collapsed:
        return TierOutcome.COLLAPSED
    if member.fwd_status == 304:
        return TierOutcome.REVALIDATED
    return TierOutcome.BYPASS if member.fwd in ("bypass", "method") else TierOutcome.MISS


ASKED_ON = frozenset((TierOutcome.REVALIDATED, TierOutcome.MISS, TierOutcome.BYPASS))
"""Outcomes of a tier that sent this very request to its next hop."""


def handled(members: tuple[TierMember, ...]) -> list[tuple[TierMember, TierOutcome]]:
    """The tiers that this request itself went through, nearest the client first.

    A member behind a hit, or behind a collapsed request, tells of the request that fetched what is stored.
    """
    through = []
    for member in reversed(members):
        what = outcome(member)
        through.append((member, what))
        if what not in ASKED_ON:
            break
    return through
