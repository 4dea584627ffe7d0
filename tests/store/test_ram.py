"""The RAM store counts what it costs, and takes only what is small enough."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from email.utils import formatdate

from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields
from httpcache.shared_lines import shared_names, shares_name
from httpcache.store import records
from httpcache.store.ram import LINE_COST, NAME_COST, RENDERED_COST, RENDERED_MOST, RamStore, Shelf, cost_of
from tests.store.things import stored

LINES = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "public, max-age=3600"),
    ("Server", "origin"),
    ("Vary", "Accept-Encoding"),
]


def test_bodies_above_a_hundredth_of_the_budget_and_a_mebibyte_are_not_admitted():
    ram = RamStore(2**24)
    ram.put("k", (stored("k"),), {"b.1": b"x" * (2**20 + 1)})
    assert ram.get("k") is None
    ram.put("k", (stored("k"),), {"b.1": b"x" * 2**20})
    assert ram.get("k") is not None


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3000)), max_size=40))
def test_what_is_used_is_the_sum_of_what_is_held(puts):
    ram = RamStore(10_000)
    for key, size in puts:
        ram.put(key, (stored(key, f"{key}.1", size),), {f"{key}.1": bytes(size)})
    held = [(key, shelf) for key in "abcd" if (shelf := ram.get(key)) is not None]
    assert sum(cost_of(key, shelf) for key, shelf in held) == ram.used <= 10_000


def test_bodies_of_responses_that_went_are_dropped():
    ram = RamStore(10_000)
    ram.put("k", (stored("k", "one"),), {"one": b"1"})
    ram.put("k", (stored("k", "two"),), {"two": b"2"})
    assert set(ram.get("k").bodies) == {"two"}


def test_the_counted_cost_is_near_the_real_one():
    ram = RamStore(2**26)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for index in range(2000):
        key = f"http://site.example/objects/{index}"
        own = ("ETag", f'"{index:012x}"'), ("Last-Modified", formatdate(7 * index, usegmt=True))
        fields = Fields((*LINES, *own))
        one = replace(stored(key, f"{index:032x}.1", 1000), fields=fields, tags=(f"t{index}", "all"))
        (one,) = records.decode_record(records.encode_record(key, [one]), key)
        one.fields.get("etag")
        ram.put(key, (one,), {f"{index:032x}.1": bytes(1000)})
    real = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert 0.85 < ram.used / real < 1.2


def test_many_tags_are_counted():
    plain = Shelf((stored(tags=()),), {"b.1": b"abc"})
    tagged = Shelf((stored(tags=tuple(f"tag{n}" for n in range(1000))),), {"b.1": b"abc"})
    assert cost_of("k", tagged) - cost_of("k", plain) > 60_000


def test_a_budget_below_a_mebibyte_takes_nothing_larger_than_itself():
    ram = RamStore(50_000)
    assert ram.put("k", (stored("k"),), {"b.1": b"x" * 50_001}) is None
    assert ram.used == len(ram) == 0


def test_rendered_answers_are_counted_and_go_with_their_shelf():
    ram = RamStore(10_000)
    shelf = ram.put("k", (stored("k", "one"),), {"one": b"1"})
    before = ram.used
    assert ram.put_rendered("k", shelf, "br", b"x" * 1000, 1000)
    assert ram.get("k").rendered["br"] == b"x" * 1000
    assert ram.used - before == 1000 + RENDERED_COST
    ram.put_rendered("k", shelf, "br", b"y", 1)
    assert ram.used - before == 1 + RENDERED_COST, "in the place of the one before"
    ram.put_rendered("k", shelf, "gzip", b"z", 2)
    assert ram.used - before == 3 + 2 * RENDERED_COST and ram.get("k").rendered["br"] == b"y"
    newer = ram.put("k", (stored("k", "one", received=2000.0),), {"one": b"1"})
    assert newer.rendered == {} and ram.used == before
    assert not ram.put_rendered("k", shelf, "br", b"late", 4), "rendered from what has been replaced"


def test_rendered_answers_of_one_shelf_are_bounded():
    ram = RamStore(10**6)
    shelf = ram.put("k", (stored("k", "one"),), {"one": b"1"})
    for number in range(1000):
        ram.put_rendered("k", shelf, number, b"", 0)
    assert len(shelf.rendered) <= RENDERED_MOST
    assert ram.used == cost_of("k", shelf)


def test_names_of_fields_stand_in_memory_once_and_no_more_than_bounded_are_kept(monkeypatch):
    monkeypatch.setattr("httpcache.shared_lines.SHARED_NAMES", len(shared_names) + 1)
    first, second = (
        Fields([("".join(["X-Only", "-Here"]), "a"), ("x-only-here", "b")]).shared() for _ in "12"
    )
    assert first.lines[0][0] is second.lines[0][0], "shared"
    assert first.get("x-only-here") == "a, b" and first.all("x-only-here") == ("a", "b")
    assert not shares_name("x-one-more"), "the table is full"
    many = stored("k"), replace(stored("k"), fields=Fields([("x-one-more", "v")] * 50))
    assert cost_of("k", Shelf(many[1:], {})) > cost_of("k", Shelf(many[:1], {})) + 50 * (
        LINE_COST + NAME_COST
    )
