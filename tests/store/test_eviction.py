"""Eviction on disk: what was visited stays for some rounds, large ones for fewer; what was just written stays."""

from __future__ import annotations

import pytest

from httpcache.store.eviction import VISITS, Eviction, Row


class SomeRows:
    """Rows by number, as a database has them."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}

    def put(self, name: str, size: int) -> str:
        number = max(self.rows, default=0) + 1
        self.rows[number] = Row(number, f"{name}.h", size)
        return f"{name}.h"

    def used(self) -> int:
        return sum(row.size for row in self.rows.values())

    def records_after(self, number: int, count: int) -> list[Row]:
        return [row for at, row in sorted(self.rows.items()) if at > number][:count]

    def remove_under(self, prefixes) -> None:
        gone = {f"{prefix}.h" for prefix in prefixes}
        self.rows = {at: row for at, row in self.rows.items() if row.name not in gone}

    def names(self) -> set[str]:
        return {row.name for row in self.rows.values()}


@pytest.fixture
def rows():
    return SomeRows()


def test_nothing_goes_while_the_budget_is_kept(rows):
    rows.put("a", 1000)
    Eviction(rows, None, 1000).make_room()
    assert rows.names() == {"a.h"}


def test_what_was_visited_stays_and_the_oldest_of_the_others_goes(rows):
    eviction = Eviction(rows, None, 1000)
    eviction.visit(rows.put("visited", 100))
    for name in "abcdefghij":
        rows.put(name, 100)
    eviction.make_room()
    assert "visited.h" in rows.names() and not {"a.h", "b.h"} & rows.names()
    assert rows.used() <= 1000


def test_a_round_costs_a_small_object_one_visit_and_a_large_one_all(rows):
    eviction = Eviction(rows, None, 100_000)
    for name in [rows.put(f"n{n}", 1000) for n in range(98)] + [rows.put("large", 5000)]:
        for _ in range(VISITS + 3):
            eviction.visit(name)
    eviction.make_room()
    assert "large.h" not in rows.names()
    assert len(rows.names()) == 98, "none of the others had lost all of its visits"


def test_visits_that_are_counted_are_bounded(rows):
    eviction = Eviction(rows, None, 1000)
    for _ in range(300):
        eviction.visit(rows.put("a", 600) if not rows.rows else "a.h")
    rows.put("b", 600)
    eviction.make_room()
    assert rows.used() <= 1000


def test_what_was_written_just_now_stays_unless_all_else_has_gone(rows):
    eviction = Eviction(rows, None, 1000)
    for name in "abcdefghijk":
        eviction.visit(rows.put(name, 100))
    written = {rows.put("new", 900)}
    eviction.make_room(written)
    assert "new.h" in rows.names() and rows.used() <= 1000
    eviction.make_room({rows.put("newer", 900)})
    assert rows.names() == {"newer.h"}


def test_what_is_being_read_stays_while_there_is_anything_else(rows):
    eviction = Eviction(rows, None, 1000)
    read = rows.put("read", 500)
    eviction.hold(read)
    for name in "abcdef":
        rows.put(name, 100)
    eviction.make_room()
    assert read in rows.names()
    rows.put("huge", 5000)
    eviction.make_room()
    assert rows.used() <= 1000
