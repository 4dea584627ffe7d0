"""Field lines and names that stand in memory once for all stored heads that have them."""

from __future__ import annotations

_Line = tuple[str, str]

SHARED_NAMES = 2000
"""Names of stored fields that stand in memory once, at the most; so does what is lower-case of them."""

GENERATION = 512 * 2**10
"""Room for lines in each of two generations, in bytes."""

COST = 200
"""What a line in the table costs beside its value, in bytes: its place, the pair, the text's own head."""

LONGEST = 8 * 2**10
"""The longest value that is shared, in characters: one origin's long lines must not cost all others their places."""

SEEN = 4 * 2**10
"""Lines that have come once and are known again, by their hashes, at the most."""

shared_names: dict[str, tuple[str, str]] = {}
"""Names and their lower-case forms, by name."""


def shares_name(name: str) -> bool:
    """Whether a name stands in memory once for all stored heads that have it, from now on."""
    if name not in shared_names and len(shared_names) < SHARED_NAMES:
        shared_names[name] = name, name.lower()
    return name in shared_names


class SharedLines:
    """Lines that at least two heads have had, in two generations of `room` bytes.

    A full young one becomes the old one, whose unused lines are no longer given to new heads. ETags and the like come
    once, and never get here; what a site says with each response does with the second.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._young: dict[_Line, _Line] = {}
        self._old: dict[_Line, _Line] = {}
        self._used = 0
        self._seen: dict[int, int] = {}
        """Which object each line was that came once, by the line's hash: a head may ask again, and is still one."""

    def share(self, line: _Line) -> _Line:
        """The line that stands in memory for all that are alike; one that is new is given as it is, its name shared."""
        found = self._young.get(line)
        if found is None:
            found = self._old.get(line)
            if found is None and not self._has_come(line):
                own = _with_shared_name(line)
                self._see(own)
                return own
            found = found or _with_shared_name(line)
            self._put(found)
        return found

    def has(self, line: _Line) -> bool:
        """Whether this very line is the one that is shared."""
        return (self._young.get(line) or self._old.get(line)) is line

    def _has_come(self, line: _Line) -> bool:
        """Whether another head has had a line, which is to be shared from now on."""
        return self._seen.get(hash(line), id(line)) != id(line) and len(line[1]) <= LONGEST

    def _see(self, line: _Line) -> None:
        if len(self._seen) >= SEEN:
            self._seen.clear()
        self._seen[hash(line)] = id(line)

    def _put(self, line: _Line) -> None:
        self._seen.pop(hash(line), None)
        self._young[line] = line
        self._used += COST + len(line[1])
        if self._used > self._room:
            self._old, self._young, self._used = self._young, {}, 0


def _with_shared_name(line: _Line) -> _Line:
    own = shared_names[line[0]][0] if shares_name(line[0]) else line[0]
    return line if own is line[0] else (own, line[1])


shared_lines = SharedLines(GENERATION)
"""Those of this process."""
