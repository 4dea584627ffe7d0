"""SIEVE: counts exactly, keeps what is asked for, forgets but never lies."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from httpcache.store.sieve import Sieve

KEYS = st.sampled_from("abcdefgh")


class ForgetsButNeverLies(RuleBasedStateMachine):
    """May forget; must not return an old or a removed value, or use too much room."""

    def __init__(self) -> None:
        super().__init__()
        self.sieve: Sieve[int] = Sieve(20)
        self.newest: dict[str, int] = {}
        self.number = 0

    @rule(key=KEYS, cost=st.integers(0, 25))
    def put(self, key, cost):
        self.number += 1
        self.sieve.put(key, self.number, cost)
        self.newest[key] = self.number

    @rule(key=KEYS)
    def get(self, key):
        entry = self.sieve.get(key)
        assert entry is None or entry.value == self.newest[key]

    @rule(key=KEYS)
    def remove(self, key):
        self.sieve.remove(key)
        self.newest.pop(key, None)
        assert self.sieve.peek(key) is None

    @invariant()
    def room_is_counted(self):
        entries = [entry for key in "abcdefgh" if (entry := self.sieve.peek(key)) is not None]
        assert sum(entry.cost for entry in entries) == self.sieve.used <= 20
        assert len(entries) == len(self.sieve)

    @invariant()
    def the_queue_is_whole(self):
        names, entry = [], self.sieve._oldest
        while entry is not None:
            names.append(entry.key)
            assert entry.newer is None or entry.newer.older is entry
            entry = entry.newer
        assert sorted(names) == sorted(self.sieve.entries)


TestForgetsButNeverLies = ForgetsButNeverLies.TestCase


def test_a_scan_of_one_hit_objects_does_not_flush_the_hot_set():
    sieve: Sieve[int] = Sieve(100)
    for index in range(50):
        sieve.put(f"hot{index}", index, 1)
    for scanned in range(5000):
        sieve.put(f"scan{scanned}", scanned, 1)
        sieve.get(f"hot{scanned % 50}")
    assert sum(sieve.peek(f"hot{index}") is not None for index in range(50)) >= 48
