"""The RAM store: per cache key, what is stored for it and those bodies that are small enough, within a byte budget."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from httpcache.messages import StoredResponse
from httpcache.shared_lines import shared_lines, shares_name
from httpcache.store.sieve import Entry, Sieve

KEY_COST = 460
"""What an entry costs beside its key, heads and bodies, in bytes: slots of dicts, the entry, tuples."""

RESPONSE_COST = 480
"""What one stored response costs beside its texts, in bytes: objects and their slots."""

LINE_COST, NAME_COST, SHARED_COST = 165, 120, 60
"""What one field line costs beside its value, the index that the first question makes included; what its name costs
beside its text and the lower-case of it, where that does not stand in memory once for all; what a line costs that other
heads have in memory as well; in bytes."""

TEXT_COST = 60
"""What a tag or group costs beside its text, in bytes."""

FORM_COST, SPAN_COST = 240, 130
"""What a form costs beside its name, and each span of it that is held, in bytes."""

BODY_COST = 40
"""What a body costs beside its octets, in bytes."""

RENDERED_COST, RENDERED_MOST = 300, 32
"""What an answer rendered for a shelf costs beside its octets, in bytes; how many a shelf has at the most."""

SHARE, SMALL = 60, 2**20
"""RAM takes bodies up to this part of its budget; without a disk also any up to so many bytes."""


def largest_body(budget: int, *, has_disk: bool) -> int:
    """The largest body that RAM takes, in bytes: small ones, so that it holds many, if larger ones have a disk."""
    return budget // SHARE if has_disk else min(budget, max(budget // SHARE, SMALL))


@dataclass(slots=True)
class Shelf:
    """What stands in RAM for one cache key. What changes makes a new shelf, but for answers rendered for this one."""

    candidates: tuple[StoredResponse, ...]
    bodies: Mapping[str, bytes]
    rendered: dict[Hashable, object] = field(default_factory=lambda: _NOTHING)
    """Answers made ready, by what selects them; see RamStore.put_rendered."""
    rendered_costs: tuple[int, ...] = ()
    """What each of them costs, in their order, in bytes."""


_NOTHING: dict[Hashable, Any] = {}
"""What is rendered for most shelves. Never written to: a dict of its own costs each of them 64 bytes."""


def cost_of(key: str, shelf: Shelf) -> int:
    """What a shelf costs, in bytes."""
    bodies = sum(shelf.rendered_costs) + sum(BODY_COST + len(body) for body in shelf.bodies.values())
    return KEY_COST + _text_cost(key) + sum(map(_response_cost, shelf.candidates)) + bodies


def _response_cost(one: StoredResponse) -> int:
    lines = 0
    for line in one.fields.lines:
        if shared_lines.has(line):
            lines += SHARED_COST
        else:
            lines += LINE_COST + _text_cost(line[1]) + (0 if shares_name(line[0]) else _name_cost(line[0]))
    texts = sum(TEXT_COST + _text_cost(text) for text in (*one.tags, *one.groups))
    selecting = sum(
        LINE_COST + NAME_COST + _text_cost(name) + _text_cost(value or "") for name, value in one.selecting
    )
    forms = sum(FORM_COST + SPAN_COST * len(form.held) + len(form.body_id) for form in one.forms)
    return RESPONSE_COST + _text_cost(one.uri) + lines + texts + selecting + forms


def _name_cost(name: str) -> int:
    return NAME_COST + 2 * _text_cost(name)


def _text_cost(text: str) -> int:
    """Octets beyond ASCII make each character of a text two or four bytes wide."""
    return len(text) if text.isascii() else 4 * len(text)


class RamStore:
    """Shelves under SIEVE. Not shared between processes."""

    def __init__(self, budget: int, *, has_disk: bool = False) -> None:
        self._sieve: Sieve[Shelf] = Sieve(budget)
        self.largest = largest_body(budget, has_disk=has_disk)

    def have_disk(self) -> None:
        """There is a disk from now on: larger bodies are for that."""
        self.largest = largest_body(self._sieve.budget, has_disk=True)

    @property
    def used(self) -> int:
        """Bytes in use."""
        return self._sieve.used

    def __len__(self) -> int:
        return len(self._sieve)

    def keys(self) -> list[str]:
        """The cache keys that have a shelf."""
        return self._sieve.keys()

    @property
    def entries(self) -> dict[str, Entry[Shelf]]:
        """What holds the shelves, by cache key, for who asks often; see Entry for what a use is."""
        return self._sieve.entries

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

    def put_rendered(self, key: str, shelf: Shelf, name: Hashable, answer: object, octets: int) -> bool:
        """Keep an answer that was rendered from a shelf, of so many `octets` that nothing else here counts.

        False when the shelf no longer stands here. The answer is in `shelf.rendered[name]` for as long as the shelf
        stands: what changes anything of a cache key replaces its shelf.
        """
        entry = self._sieve.peek(key)
        if entry is None or entry.value is not shelf:
            return False
        if shelf.rendered is _NOTHING:
            shelf.rendered = {}
        if len(shelf.rendered) >= RENDERED_MOST and name not in shelf.rendered:
            shelf.rendered.clear()
            shelf.rendered_costs = ()
        shelf.rendered[name] = answer
        costs = dict(zip(shelf.rendered, shelf.rendered_costs, strict=False)) | {name: RENDERED_COST + octets}
        shelf.rendered_costs = tuple(costs.values())
        return self._sieve.put(key, shelf, cost_of(key, shelf))

    def drop(self, key: str) -> None:
        """Drop a shelf."""
        self._sieve.remove(key)
