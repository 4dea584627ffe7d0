"""A node's two stores without their octets: the policies that the stores themselves follow, over sizes alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from httpcache.store.admission import SecondMiss
from httpcache.store.database import IN_DATABASE
from httpcache.store.eviction import Eviction, Row
from httpcache.store.ram import largest_body
from httpcache.store.raw_disk import blocks_of
from httpcache.store.records import HEAD_SIZE
from httpcache.store.sieve import Sieve

SEGMENT = 2**20
"""Segments that bodies are cut in, in bytes; what is in a file takes whole blocks."""

BLOCK = 4096
"""Blocks of the disk, in bytes."""


class Node:
    """RAM over disk as in httpcache/store/tiered.py; `disk` may be 0.

    `overhead` is what an object costs beside its octets, in RAM and on disk, in bytes.
    """

    def __init__(self, ram: int, disk: int, overhead: tuple[int, int] = (0, 0)) -> None:
        self._ram: Sieve[int] = Sieve(ram)
        self._largest = largest_body(ram, has_disk=disk > 0)
        self._beside, on_disk = overhead
        self._disk = _Disk(disk, on_disk) if disk else None
        self.ram_hits = 0
        self.disk_hits = 0

    def ask(self, key: str, size: int) -> bool:
        """See Cache."""
        entry = self._ram.get(key)
        if entry is not None and entry.value == size:
            self.ram_hits += 1
            return True
        hit = self._disk is not None and self._disk.ask(key, size)
        self.disk_hits += hit
        if size <= self._largest:
            self._ram.put(key, size, size + self._beside)
        return hit


class _Disk:
    """The disk store's eviction and admission over rows that are only counted."""

    def __init__(self, budget: int, overhead: int) -> None:
        self._rows = _Rows()
        self._overhead = overhead
        self._eviction = Eviction(self._rows, None, budget)
        self._admission = SecondMiss(None, budget)

    def ask(self, key: str, size: int) -> bool:
        name = f"{key}.h"
        cost = on_disk(size) + self._overhead if self._overhead else size
        if self._rows.sizes.get(name) == cost:
            self._eviction.visit(name)
            return True
        if self._admission.admits(key, size, pressed=self._eviction.is_pressed):
            self._rows.put(name, cost)
            self._eviction.make_room((name,))
        return False


class _Rows:
    """Rows by number; see httpcache.store.eviction.Rows. Names are keys with a ".h" behind them."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self._used = 0
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._order: list[int] = []
        self._next = 1

    def put(self, name: str, size: int) -> None:
        """A row that is written again keeps its number."""
        self._used += size - self.sizes.get(name, 0)
        self.sizes[name] = size
        if name not in self._numbers:
            self._numbers[name], self._names[self._next] = self._next, name
            self._order.append(self._next)
            self._next += 1

    def used(self) -> int:
        return self._used

    def records_after(self, number: int, count: int) -> list[Row]:
        if len(self._order) > 2 * len(self._names) + 1000:
            self._order = list(self._names)
        found: list[Row] = []
        for at in range(bisect_right(self._order, number), len(self._order)):
            name = self._names.get(self._order[at])
            if name is not None:
                found.append(Row(self._order[at], name, self.sizes[name]))
                if len(found) == count:
                    break
        return found

    def remove_under(self, prefixes: Iterable[str]) -> None:
        for prefix in prefixes:
            name = f"{prefix}.h"
            self._used -= self.sizes.pop(name)
            del self._names[self._numbers.pop(name)]


def on_disk(size: int) -> int:
    """What a body of `size` bytes takes: its last segment in the database where it is small, others in files."""
    whole, rest = divmod(size, SEGMENT)
    last = rest + HEAD_SIZE
    return whole * blocks_of(SEGMENT + HEAD_SIZE, BLOCK) + (
        last if last < IN_DATABASE else blocks_of(last, BLOCK)
    )
