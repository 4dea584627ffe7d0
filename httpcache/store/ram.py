"""The RAM store: per cache key, what is stored for it and those bodies that are small enough, within a byte budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from httpcache.messages import StoredResponse
from httpcache.store.sieve import Sieve

KEY_COST = 320
"""What an entry costs beside its key, heads and bodies, in bytes: slots of dicts, the entry, tuples."""

RESPONSE_COST = 480
"""What one stored response costs beside its texts, in bytes: objects and their slots."""

LINE_COST = 300
"""What one field line costs beside its text, the index by name that the first question makes included, in bytes."""

TEXT_COST = 60
"""What a tag or group costs beside its text, in bytes."""

FORM_COST, SPAN_COST = 240, 130
"""What a form costs beside its name, and each span of it that is held, in bytes."""

BODY_COST = 40
"""What a body costs beside its octets, in bytes."""

SMALL = 2**20
"""Bodies up to this are admitted whatever the budget allows less than, in bytes."""


def largest_body(budget: int, *, has_disk: bool) -> int:
    """The largest body that RAM takes, in bytes: a hundredth of its budget, so that it holds many."""
    return min(budget, max(budget // 100, SMALL))


@dataclass(frozen=True, slots=True)
class Shelf:
    """What stands in RAM for one cache key."""

    candidates: tuple[StoredResponse, ...]
    bodies: Mapping[str, bytes]


def cost_of(key: str, shelf: Shelf) -> int:
    """What a shelf costs, in bytes."""
    bodies = sum(BODY_COST + len(body) for body in shelf.bodies.values())
    return KEY_COST + _text_cost(key) + sum(map(_response_cost, shelf.candidates)) + bodies


def _response_cost(one: StoredResponse) -> int:
    lines = sum(LINE_COST + _text_cost(name) + _text_cost(value) for name, value in one.fields)
    texts = sum(TEXT_COST + _text_cost(text) for text in (*one.tags, *one.groups))
    selecting = sum(LINE_COST + _text_cost(name) + _text_cost(value or "") for name, value in one.selecting)
    forms = sum(FORM_COST + SPAN_COST * len(form.held) + len(form.body_id) for form in one.forms)
    return RESPONSE_COST + _text_cost(one.uri) + lines + texts + selecting + forms


def _text_cost(text: str) -> int:
    """Octets beyond ASCII make each character of a text two or four bytes wide."""
    return len(text) if text.isascii() else 4 * len(text)


class RamStore:
    """Shelves under SIEVE. Not shared between processes."""

    def __init__(self, budget: int) -> None:
        self._sieve: Sieve[Shelf] = Sieve(budget)
        self.largest = largest_body(budget, has_disk=True)

    @property
    def used(self) -> int:
        """Bytes in use."""
        return self._sieve.used

    def __len__(self) -> int:
        return len(self._sieve)

    def get(self, key: str) -> Shelf | None:
        """The shelf of a cache key; counts as a use."""
        entry = self._sieve.get(key)
        return entry.value if entry is not None else None

    def peek(self, key: str) -> Shelf | None:
        """The shelf of a cache key, as if nobody had asked."""
        entry = self._sieve.peek(key)
        return entry.value if entry is not None else None

    def takes(self, body: bytes) -> bool:
        """Whether a body is small enough."""
        return len(body) <= self.largest

    def put(
        self, key: str, candidates: tuple[StoredResponse, ...], bodies: Mapping[str, bytes]
    ) -> Shelf | None:
        """Keep these candidates, and those of `bodies` and of the bodies already here that belong to them.

        The shelf as it stands now, None when nothing of it is small enough.
        """
        before = self._sieve.peek(key)
        known = {**(before.value.bodies if before else {}), **bodies}
        wanted = {form.body_id for one in candidates for form in one.forms}
        kept = {name: body for name, body in known.items() if name in wanted and self.takes(body)}
        if not kept:
            # Without any body, a shelf would only cost: the disk has the heads too.
            self.drop(key)
            return None
        shelf = Shelf(candidates, kept)
        return shelf if self._sieve.put(key, shelf, cost_of(key, shelf)) else None

    def drop(self, key: str) -> None:
        """Drop a shelf."""
        self._sieve.remove(key)
