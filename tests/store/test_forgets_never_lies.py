"""One model for every store: it may forget, and must never answer with what is not the newest."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from httpcache.messages import Form, StoredResponse
from httpcache.store.ram import cost_of
from httpcache.store.segments import SegmentLost
from httpcache.store.tiered import TieredStore
from tests.store.opening import SEGMENT, full_disk, settings, written
from tests.store.things import stored

KEYS = st.sampled_from(["http://a/1", "http://a/2", "http://b/3"])
VARIANTS = st.sampled_from([None, "de"])
LENGTHS = st.sampled_from([0, 3, 5_000, 40_000, SEGMENT, SEGMENT + 1, 3 * SEGMENT - 7])


class StoreMachine(RuleBasedStateMachine):
    """What was kept last for each key and variant, and every body that ever was."""

    ram: ClassVar[int]
    disk: ClassVar[int]
    queue: ClassVar[int] = 2**26

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.faults = contextlib.ExitStack()
        self.newest: dict[tuple[str, str | None], StoredResponse] = {}
        self.bodies: dict[str, bytes] = {}
        self.clock = 1000.0

    @initialize()
    def start(self):
        made = settings(ram=self.ram, disk=self.disk, queue=self.queue)
        self.store = TieredStore(made, self.folder)
        self.runner.run(self.store.start())

    def teardown(self):
        self.faults.close()
        self.runner.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def new(self, key: str, variant: str | None, length: int) -> tuple[StoredResponse, bytes]:
        self.clock += 1
        one = stored(key, self.store.new_body_id(key), length, variant=variant, received=self.clock)
        body = self.bodies[one.forms[0].body_id] = os.urandom(length)
        return one, body

    @rule(key=KEYS, variant=VARIANTS, length=LENGTHS)
    def keep(self, key, variant, length):
        one, body = self.new(key, variant, length)
        self.store.keep(one, {one.forms[0].body_id: body})
        self.newest[key, variant] = one

    @rule(key=KEYS, variant=VARIANTS, length=LENGTHS)
    def keep_what_came_by_segments(self, key, variant, length):
        one, body = self.new(key, variant, length)
        name = one.forms[0].body_id
        for at in range(0, length, SEGMENT):
            if not self.runner.run(self.store.segments.write(name, at // SEGMENT, body[at : at + SEGMENT])):
                self.store.segments.discard(name)
                return
        self.store.keep(one, {})
        self.newest[key, variant] = one

    @rule(key=KEYS, deeper=st.booleans())
    def look_up(self, key, deeper):
        for one in self.store.look_deeper(key) if deeper else self.store.look_up(key):
            variant = one.selecting[0][1] if one.selecting else None
            assert one == self.newest.get((key, variant))

    @rule(key=KEYS, first=st.integers(0, 2 * SEGMENT), length=st.integers(1, 2 * SEGMENT))
    def read(self, key, first, length):
        for one in self.store.look_up(key):
            for form in one.forms:
                end = min(first + length, form.length)
                if first < end:
                    body = self.bodies[form.body_id][first:end]
                    assert self.runner.run(self.octets(one, form, first, end)) in (None, body)

    async def octets(self, one: StoredResponse, form: Form, first: int, end: int) -> bytes | None:
        try:
            return b"".join([data async for data in self.store.read(one, form, first, end)])
        except SegmentLost:
            return None

    @rule(key=KEYS)
    def add_a_coded_form(self, key):
        for one in self.store.look_up(key)[:1]:
            if one.form("br") is None:
                coded = Form("br", f"{one.forms[0].body_id}-br", 500, ((0, 500),))
                self.bodies[coded.body_id] = os.urandom(500)
                updated = replace(one, forms=(*one.forms, coded))
                self.store.keep(updated, {coded.body_id: self.bodies[coded.body_id]})
                self.newest[key, one.selecting[0][1] if one.selecting else None] = updated

    @rule(key=KEYS)
    def freshen(self, key):
        for one in self.store.look_up(key)[:1]:
            self.clock += 1
            updated = replace(one, response_time=self.clock)
            self.store.keep(updated, {})
            self.newest[key, one.selecting[0][1] if one.selecting else None] = updated

    @rule(key=KEYS)
    def forget(self, key):
        self.store.forget(key)
        self.newest = {known: one for known, one in self.newest.items() if known[0] != key}
        assert self.store.look_up(key) == ()

    @rule(key=KEYS)
    def forget_one(self, key):
        for one in self.store.look_up(key)[:1]:
            self.store.forget(key, one)
            del self.newest[key, one.selecting[0][1] if one.selecting else None]

    @rule()
    def wait_for_the_disk(self):
        written(self.store)

    @rule()
    def fill_the_disk(self):
        self.faults.close()
        self.faults.enter_context(full_disk())

    @rule()
    def free_the_disk(self):
        written(self.store)
        self.faults.close()

    @rule()
    def restart(self):
        self.runner.run(self.store.close())
        self.start()

    @invariant()
    def ram_is_counted(self):
        if hasattr(self, "store"):
            ram = self.store.ram
            shelves = [(key, ram.peek(key)) for key in ("http://a/1", "http://a/2", "http://b/3")]
            assert sum(cost_of(key, shelf) for key, shelf in shelves if shelf) == ram.used <= self.ram


class RamMachine(StoreMachine):
    ram, disk = 2**18, 0


class DiskMachine(StoreMachine):
    ram, disk = 0, 2**20


class TieredMachine(StoreMachine):
    ram, disk = 2**17, 2**20


class CrowdedMachine(StoreMachine):
    """Of which the queue is so short that writes are refused all the time."""

    ram, disk, queue = 2**17, 2**20, 50_000


@pytest.mark.slow
@pytest.mark.parametrize("machine", [RamMachine, DiskMachine, TieredMachine, CrowdedMachine])
def test_a_store_may_forget_and_never_lies(machine):
    case = machine.TestCase
    case.settings = example_settings(max_examples=40, stateful_step_count=40, deadline=None)
    case("runTest").runTest()
