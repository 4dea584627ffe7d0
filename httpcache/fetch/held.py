"""How much of all bodies that arrive at one worker stands in RAM: beyond a bound each of them holds one segment."""

from __future__ import annotations


class HeldInAll:
    """Octets of arriving bodies in RAM, in bytes. Each body has a share, and counts for the least that it needs.

    `used` passes `limit` only by what bodies need that begin when it is used up: a segment each, at the most.
    """

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0


class Share:
    """What one body has of it, until the last of those who read the body has gone."""

    __slots__ = ("_counted", "_least", "_room")

    def __init__(self, room: HeldInAll, least: int) -> None:
        """`least` is what counts from the beginning, in bytes, for the body cannot do with less."""
        self._room = room
        self._least = least
        self._counted = 0
        self.holds(0)

    def has_room_for(self, held: int) -> bool:
        """Whether the body may hold so many bytes."""
        return held <= self._counted or self._room.used + held - self._counted <= self._room.limit

    def holds(self, held: int) -> None:
        """Count what the body holds now, in bytes."""
        counted = max(held, self._least)
        self._room.used += counted - self._counted
        self._counted = counted

    def grows_no_more(self, held: int) -> None:
        """Count what the body holds, and nothing for what might have come."""
        self._least = 0
        self.holds(held)

    def __del__(self) -> None:
        self._room.used -= self._counted
