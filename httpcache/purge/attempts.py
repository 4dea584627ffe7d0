"""Failed attempts: an address that has failed too often is refused for a while, whatever it shows."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from ipaddress import IPv6Address, ip_address, ip_network

REMEMBERED = 10_000
"""Addresses that are remembered at the most; beyond it the one that failed longest ago is forgotten."""


class Attempts:
    """Failures leak away: `most` of them within `window` seconds, and no further attempt is looked at until one has."""

    def __init__(self, most: int, window: float) -> None:
        self._most = most
        self._window = window
        self._failures: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._turned_away: OrderedDict[Hashable, int] = OrderedDict()

    def fail(self, who: Hashable, now: float) -> None:
        """Count a failure at a monotonic time."""
        self._failures[who] = (self._level(who, now) + 1, now)
        self._failures.move_to_end(who)
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def pause(self, who: Hashable, now: float) -> float:
        """Seconds until the next attempt is looked at; 0 when it is at once. A limit of 0 is none."""
        above = self._level(who, now) + 1 - self._most
        return above * self._window / self._most if self._most and above > 0 else 0.0

    def room(self, who: Hashable, now: float) -> float:
        """How many attempts may be looked at together: if all of them fail, the limit is reached and not passed."""
        return self._most - self._level(who, now) if self._most else math.inf

    def turned_away(self, who: Hashable) -> int:
        """Count an attempt that was not looked at; how many there were since told() was asked."""
        self._turned_away[who] = count = self._turned_away.pop(who, 0) + 1
        if len(self._turned_away) > REMEMBERED:
            self._turned_away.popitem(last=False)
        return count

    def told(self, who: Hashable) -> int:
        """How many attempts were not looked at since this was asked before."""
        return self._turned_away.pop(who, 0)

    def _level(self, who: Hashable, now: float) -> float:
        level, at = self._failures.get(who, (0.0, now))
        return max(0.0, level - (now - at) * self._most / self._window)


def source_of(address: str | None) -> str:
    """What is counted as one address: an IPv4 address, or the 64 bits of IPv6 that one subscriber has (RFC 6177)."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped is not None else str(ip_network((int(found), 64), strict=False))
    return str(found)
