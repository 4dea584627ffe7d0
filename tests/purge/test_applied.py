"""What a node has applied survives, is shared by its workers, and folds as watermarks in memory do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import PurgeMark
from httpcache.purge.applied import Applied
from httpcache.purge.orders import Kind, Order
from httpcache.purge.watermarks import wider


@pytest.fixture
def path(tmp_path):
    return tmp_path / "applied.db"


def tag(name, soft=False) -> Order:
    return Order(Kind.TAG, (name,), soft)


def test_what_was_persisted_is_there_after_reopening(path):
    applied = Applied(path, 100)
    applied.adopt(PurgeMark(7, 0), 1)
    assert applied.persist(7, 0, [(1, tag("a")), (2, tag("a", soft=True)), (3, tag("b"))])
    applied.close()
    held = Applied(path, 100).load()
    assert held.mark == PurgeMark(7, 3)
    assert set(held.levels) == {(Kind.TAG, "a", (1, 2)), (Kind.TAG, "b", (3, 0))}


@pytest.mark.parametrize(
    "name", ['"', "\\", "é", "\U0001f6d2", "", "1", "null", "a b", "site.example/?q=%22\t"]
)
def test_any_name_is_there_as_it_was_ordered(path, name):
    applied = Applied(path, 100)
    applied.adopt(PurgeMark(7, 0), 1)
    orders = [Order(Kind.URL, (name,)), Order(Kind.TAG, (name,), soft=True), Order(Kind.URL, (name, "other"))]
    assert applied.persist(7, 0, list(enumerate(orders, 1)))
    assert set(applied.load().levels) == {
        (Kind.URL, name, (3, 0)),
        (Kind.TAG, name, (0, 2)),
        (Kind.URL, "other", (3, 0)),
    }


def test_the_file_is_its_owners_alone(path):
    Applied(path, 100)
    assert path.stat().st_mode & 0o077 == 0


def test_two_workers_write_the_same_batch_once(path):
    one, two = Applied(path, 100), Applied(path, 100)
    one.adopt(PurgeMark(7, 0), 1)
    batch = [(1, tag("a")), (2, tag("b"))]
    assert one.persist(7, 0, batch) and two.persist(7, 0, batch) and one.persist(7, 0, batch[:1])
    assert two.load().mark == PurgeMark(7, 2)


def test_a_batch_that_does_not_join_on_is_refused(path):
    applied = Applied(path, 100)
    applied.adopt(PurgeMark(7, 0), 1)
    assert not applied.persist(7, 1, [(2, tag("a"))])
    assert not applied.persist(6, 0, [(1, tag("a"))])
    assert applied.load().levels == ()


ADOPTIONS = [
    ("a new epoch forgets the old watermarks", PurgeMark(8, 40), 1, PurgeMark(8, 40), 40, 0),
    ("a trimmed log keeps them and is unproven below", PurgeMark(7, 40), 30, PurgeMark(7, 40), 40, 1),
    ("what another worker has written stands", PurgeMark(7, 40), 2, PurgeMark(7, 1), 0, 1),
]


@pytest.mark.parametrize(
    ("newest", "start", "mark", "floor", "count"), [a[1:] for a in ADOPTIONS], ids=[a[0] for a in ADOPTIONS]
)
def test_adopting(path, newest, start, mark, floor, count):
    applied = Applied(path, 100)
    applied.adopt(PurgeMark(7, 0), 1)
    applied.persist(7, 0, [(1, tag("a"))])
    held = applied.adopt(newest, start)
    assert (held.mark, held.floor, len(held.levels)) == (mark, floor, count)


def test_watermarks_on_disk_are_bounded_and_fold_into_wider_ones(path):
    applied = Applied(path, 16)
    applied.adopt(PurgeMark(7, 0), 1)
    applied.persist(7, 0, [(n, Order(Kind.URL, (f"h.example/{n}",))) for n in range(1, 101)])
    levels = applied.load().levels
    assert len(levels) <= 17
    assert max(hard for kind, _, (hard, _) in levels if kind is Kind.HOST) >= 84
    assert (Kind.URL, "h.example/100", (100, 0)) in levels


NAMES = [
    (Kind.URL, "h.example/a"),
    (Kind.URL, "h.example:81/"),
    (Kind.PREFIX, "g.example/b"),
    (Kind.PREFIX, "g.example"),
    (Kind.HOST, "h.example"),
    (Kind.TAG, "t"),
    (Kind.EVERYTHING, ""),
]
MIXED = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 9), st.booleans()), max_size=60)


@given(MIXED)
def test_what_is_folded_on_disk_is_covered_by_what_is_wider(orders):
    applied = Applied(None, 16)
    applied.adopt(PurgeMark(7, 0), 1)
    named = [(kind, f"{name}{more}" if name else "", soft) for (kind, name), more, soft in orders]
    for n, (kind, name, soft) in enumerate(named, 1):
        assert applied.persist(7, n - 1, [(n, Order(kind, (name,) if name else (), soft))])
    levels = {(kind, name): level for kind, name, level in applied.load().levels}
    for n, (kind, name, soft) in enumerate(named, 1):
        found, at = [], (kind, name)
        while at[0] is not Kind.EVERYTHING:
            found.append(levels.get(at, (0, 0))[soft])
            at = wider(*at)
        assert max(*found, levels.get(at, (0, 0))[soft], 0) >= n


def test_without_a_data_folder_it_is_kept_in_memory():
    applied = Applied(None, 16)
    applied.adopt(PurgeMark(7, 3), 1)
    assert applied.load().mark == PurgeMark(7, 3)
