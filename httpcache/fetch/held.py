"""How much of all bodies that arrive at one worker stands in RAM: beyond a bound each of them holds little."""

from __future__ import annotations


class HeldInAll:
    """Octets of arriving bodies in RAM, in bytes. Bodies count here what they take, and take away what they drop."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    @property
    def is_full(self) -> bool:
        """Whether more is held than should be."""
        return self.used > self.limit
