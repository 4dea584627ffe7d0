"""What the tiers said of one answer: the members of Cache-Status (RFC 9211), and what each did with the request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from httpcache.messages import Fields
from httpcache.rules import cache_status

_KEY = re.compile(r';\s*key="(?:[^"\\]|\\.)*"', re.ASCII)


def without_keys(field_value: str) -> str:
    """A Cache-Status field value less its `key` parameters: they alone differ from object to object."""
    return _KEY.sub("", field_value)


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
    """The members of a Cache-Status field value, nearest the origin first; none when it is not valid."""
    return tuple(_member(one) for one in cache_status.parse(Fields([(cache_status.NAME, field_value)])))


def _member(member: cache_status.Member) -> TierMember:
    said = member.parameters
    return TierMember(
        name=member.cache,
        hit=member.is_hit,
        fwd=_text(said.get("fwd")) or None,
        fwd_status=_number(said.get("fwd-status")),
        ttl=_number(said.get("ttl")),
        stored=said.get("stored") is True,
        collapsed=said.get("collapsed") is True,
        key=_text(said.get("key")),
        detail=_text(said.get("detail")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def outcome(member: TierMember) -> TierOutcome:
    """What the cache that wrote `member` did."""
    if member.hit:
        return TierOutcome.STALE if member.ttl is not None and member.ttl < 0 else TierOutcome.HIT
    if member.detail == "stale-if-error":
        return TierOutcome.STALE
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
