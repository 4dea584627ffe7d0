"""RAM over disk: a miss goes into both, the disk's policy sees what RAM missed."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from httpcache.messages import Form, StoredResponse
from httpcache.rules.partial import merged
from httpcache.settings import StoreSettings
from httpcache.store.counts import Counts, Fault
from httpcache.store.database import FAULTS
from httpcache.store.disk import DiskStore
from httpcache.store.late_disk import LateDisk
from httpcache.store.ram import RamStore
from httpcache.store.recent import Recent
from httpcache.store.records import key_hash
from httpcache.store.segments import Place, ScratchSegments, SegmentLost, SegmentSink

INLINE = 64 * 2**10
"""Bodies up to this are read from disk at once: a hop to a thread would cost more, in bytes."""


class TieredStore:
    """Stored responses by cache key. Synchronous calls are quick; nothing here raises but `read` (SegmentLost)."""

    def __init__(self, settings: StoreSettings, folder: Path, *, worker: int = 0) -> None:
        """`worker`: its number in the node; the first one evicts for all."""
        self.counts = Counts()
        self._late: LateDisk | None = None
        self.disk = self._disk(settings, folder, worker) if settings.disk else None
        self.ram = RamStore(settings.ram, has_disk=self.disk is not None)
        self.segments: SegmentSink = self.disk or ScratchSegments(
            settings.segment, folder if folder.is_dir() else None
        )
        self.segment = settings.segment
        self._recent = Recent()
        self._largest = settings.largest
        self._variants = settings.variants
        self._numbers = itertools.count()

    def _disk(self, settings: StoreSettings, folder: Path, worker: int) -> DiskStore | None:
        """The disk store; None when it cannot be used now: then the node answers from RAM until it can be."""
        try:
            return DiskStore(folder, settings, self.counts, worker)
        except FAULTS as error:
            self.counts.fault(Fault.OPEN, error)
            self._late = LateDisk(lambda: DiskStore(folder, settings, self.counts, worker), self.counts)
            return None

    async def start(self) -> None:
        """Begin to write behind."""
        if self.disk is not None:
            self.disk.start()
        elif self._late is not None:
            self._late.start(self._adopt)

    def _adopt(self, disk: DiskStore) -> None:
        self._late = None
        self.disk = disk
        self.segments = disk
        self.ram.have_disk()
        disk.start()

    async def close(self) -> None:
        """Write what waits."""
        if self._late is not None:
            await self._late.close()
        if self.disk is not None:
            await self.disk.close()

    def new_body_id(self, key: str) -> str:
        """A name for the segments of a new body."""
        return self.disk.new_body_id(key) if self.disk else f"{key_hash(key)}.{next(self._numbers):x}"

    def look_up(self, key: str) -> tuple[StoredResponse, ...]:
        """What is stored for a key: from RAM, else from disk."""
        shelf = self.ram.get(key)
        if shelf is not None:
            self.counts.ram_hits += 1
            return shelf.candidates
        found = self._recent.get(key)
        if not found and self.disk is not None:
            found = self.disk.get(key)
            if found and all(map(self._is_read_from_disk_alone, found)):
                self._recent.put(key, found)
        if self.disk is not None and found:
            self.disk.visit(key)
            self.counts.disk_hits += 1
        else:
            self.counts.misses += 1
        return found

    def _is_read_from_disk_alone(self, stored: StoredResponse) -> bool:
        """Whether all of a response is stored, and its body is too large for RAM."""
        return all(
            form.is_complete and form.length is not None and form.length > self.ram.largest
            for form in stored.forms
        )

    def is_remembered(self, key: str) -> bool:
        """Whether a look-up is answered from memory, so that the disk is not asked."""
        return self.ram.peek(key) is not None or bool(self._recent.get(key))

    def look_deeper(self, key: str) -> tuple[StoredResponse, ...]:
        """What is stored for a key in RAM and on disk together; of two with the same selecting fields the newer."""
        return self._merged(key, self.disk.get(key) if self.disk is not None else ())

    def held_of(self, key: str, body_id: str) -> StoredResponse | None:
        """The stored response with that body, and all that RAM and disk know to be held of it; None without one.

        Several workers may add to one body: what each has added stands in one of the records that they write.
        """
        shelf = self.ram.peek(key)
        on_disk = self.disk.get(key) if self.disk is not None else ()
        found = [
            one
            for one in (*on_disk, *(shelf.candidates if shelf else ()))
            if one.forms and one.forms[0].body_id == body_id
        ]
        if not found:
            return None
        newest = max(found, key=lambda one: one.response_time)
        held = merged(span for one in found for span in one.forms[0].held)
        return replace(newest, forms=(replace(newest.forms[0], held=held), *newest.forms[1:]))

    def _merged(self, key: str, on_disk: tuple[StoredResponse, ...]) -> tuple[StoredResponse, ...]:
        shelf = self.ram.peek(key)
        if shelf is None:
            return on_disk
        merged = _newest(on_disk, shelf.candidates)
        if merged != shelf.candidates:
            self.ram.put(key, merged, {})
        return merged

    @property
    def largest(self) -> int:
        """The largest body that is stored, in bytes: it must not cost everything else its place."""
        on_disk = self.disk.largest if self.disk is not None else 0
        return min(self._largest, max(on_disk, self.ram.largest))

    def begin(self, body_id: str, length: int) -> bool:
        """Have room for a body that goes to disk as it comes; False when others that arrive have it."""
        return self.disk is None or self.disk.arrivals.begin(body_id, length)

    def keep(self, stored: StoredResponse, bodies: Mapping[str, bytes]) -> None:
        """Store a response in the place of the one with the same selecting fields; `bodies` by body id, whole.

        The disk is asked what other workers know of the key, so that a variant of theirs is not lost.
        """
        self._recent.drop(stored.key)
        fields = stored.fields.shared()
        if fields is not stored.fields:
            stored = replace(stored, fields=fields)
        if self._late is not None:
            self._late.note(stored.key)
        on_disk = self.disk.get(stored.key) if self.disk is not None else ()
        before = self._merged(stored.key, on_disk)
        candidates = self._beside(before, stored) if before else (stored,)
        if disk := self.disk if on_disk or self._is_written(stored, bodies) else None:
            shelf = self.ram.put(stored.key, candidates, bodies)
            missing = bodies
            if before:
                named, whole = _bodies_of(on_disk), {**(shelf.bodies if shelf else {}), **bodies}
                missing = {name: body for name, body in whole.items() if name not in named}
            disk.put(stored.key, candidates, self._segments(missing))
        else:
            candidates = self._held_in_ram(stored.key, candidates, bodies)
            self.ram.put(stored.key, candidates, bodies)
            self._end_arrivals(stored)
        if before or candidates != (stored,):
            self._discard((*before, stored), candidates)

    def _beside(
        self, before: tuple[StoredResponse, ...], stored: StoredResponse
    ) -> tuple[StoredResponse, ...]:
        """A response with those of other selecting fields that stay beside it."""
        others = [one for one in before if one.selecting != stored.selecting]
        return (*others[-(self._variants - 1) :], stored) if self._variants > 1 else (stored,)

    def _end_arrivals(self, stored: StoredResponse) -> None:
        """Of what went to RAM alone, nothing is on its way to disk any more."""
        if self.disk is not None:
            for body_id in _bodies_of((stored,)):
                self.disk.arrivals.end(body_id)

    def _held_in_ram(
        self, key: str, candidates: tuple[StoredResponse, ...], bodies: Mapping[str, bytes]
    ) -> tuple[StoredResponse, ...]:
        """Those whose bodies RAM has or takes: of a key that is not on disk, there is nothing else to answer from."""
        shelf = self.ram.peek(key)
        held = {*(shelf.bodies if shelf else ()), *(name for name in bodies if self.ram.takes(bodies[name]))}
        return tuple(
            replace(one, forms=tuple(form for form in one.forms if form.body_id in held))
            for one in candidates
            if one.forms and one.forms[0].body_id in held
        )

    def _is_written(self, stored: StoredResponse, bodies: Mapping[str, bytes]) -> bool:
        """Whether a key that is not on disk is written there. A body whose segments were written already always is.

        The disk's policy sees RAM misses only: what RAM had already is no second request.
        """
        if self.disk is None:
            return False
        shelf = self.ram.peek(stored.key)
        if _bodies_of((stored,)).isdisjoint({*bodies, *(shelf.bodies if shelf else ())}):
            return True
        if shelf is not None:
            return not self.disk.is_pressed
        size = sum(end - first for form in stored.forms for first, end in form.held)
        return self.disk.admits(stored.key, size)

    def _segments(self, bodies: Mapping[str, bytes]) -> Iterable[tuple[str, int, bytes]]:
        for body_id, body in bodies.items():
            for index in range(0, max(len(body), 1), self.segment):
                yield body_id, index // self.segment, body[index : index + self.segment]

    def _discard(self, before: Iterable[StoredResponse], after: Iterable[StoredResponse]) -> None:
        for body_id in _bodies_of(before) - _bodies_of(after):
            self.segments.discard(body_id)

    def forget(self, key: str, stored: StoredResponse | None = None) -> None:
        """Drop what is stored for a key, or one of it: that variant, unless another body has taken its place."""
        self._recent.drop(key)
        before = self.look_deeper(key)
        left = () if stored is None else tuple(one for one in before if not _is_same(one, stored))
        if stored is not None and left == before:
            return
        self.ram.drop(key)
        if self._late is not None:
            self._late.note(key)
        if self.disk is not None:
            if left:
                self.disk.put(key, left, ())
            else:
                self.disk.remove(key)
        self._discard(before, left)

    def body(self, stored: StoredResponse, form: Form) -> bytes | None:
        """A whole body, if it stands in RAM, or is small enough to be read from disk here and now."""
        shelf = self.ram.get(stored.key)
        if shelf is not None and form.body_id in shelf.bodies:
            return shelf.bodies[form.body_id]
        if self.disk is None or not form.is_complete or form.length is None or form.length > INLINE:
            return None
        body = self.disk.read_now(form.body_id, 0)
        if body is None or len(body) != form.length:
            return None
        self._promote(stored, form, body)
        return body

    def _promote(self, stored: StoredResponse, form: Form, body: bytes) -> None:
        """Take a body that was read from disk into RAM, if it still is what the key's record names."""
        candidates = self.look_deeper(stored.key)
        if any(own == form for one in candidates for own in one.forms):
            self.ram.put(stored.key, candidates, {form.body_id: body})

    async def whole(self, stored: StoredResponse, form: Form) -> bytes | None:
        """A whole body from wherever it stands; None when it is lost."""
        body = self.body(stored, form)
        if body is None and form.is_complete and form.length is not None:
            try:
                body = b"".join([data async for data in self.read(stored, form, 0, form.length)])
            except SegmentLost:
                return None
        return body

    async def place(self, form: Form, at: int, end: int) -> tuple[Place | None, int]:
        """Where octets [at, end) of a form stand in a file, as far as one segment goes, and up to which octet that is.

        None for what must be read: what stands in no file, and all that is small enough to be promoted by reading.
        """
        if form.length is None or form.length <= self.ram.largest:
            return None, end
        first = at - at % self.segment
        stop = min(end, first + self.segment)
        place = await self.segments.locate(form.body_id, at // self.segment)
        if place is None or place.length < stop - first:
            return None, stop
        return place.part(at - first, stop - first), stop

    async def read(self, stored: StoredResponse, form: Form, first: int, end: int) -> AsyncIterator[bytes]:
        """Octets [first, end) of a form, a segment at a time. Raises SegmentLost; the response is forgotten then."""
        whole = self.body(stored, form)
        if whole is not None:
            yield whole[first:end]
            return
        parts: list[bytes] | None = (
            [] if (first, end) == (0, form.length) and end <= self.ram.largest else None
        )
        for index in range(first // self.segment, (end + self.segment - 1) // self.segment):
            at = index * self.segment
            data = await self.segments.read(form.body_id, index)
            if data is None or (len(data) < self.segment and at + len(data) < end):
                self.forget(stored.key, stored)
                raise SegmentLost(form.body_id, index)
            if parts is not None:
                parts.append(data)
            yield data[max(0, first - at) : end - at]
        if parts is not None:
            self._promote(stored, form, b"".join(parts))


def _bodies_of(responses: Iterable[StoredResponse]) -> set[str]:
    return {form.body_id for one in responses for form in one.forms}


def _is_same(one: StoredResponse, other: StoredResponse) -> bool:
    """Whether two are the same variant with the same body."""
    bodies = [form.body_id for form in other.forms[:1]]
    return one.selecting == other.selecting and [form.body_id for form in one.forms[:1]] == bodies


def _newest(*groups: Iterable[StoredResponse]) -> tuple[StoredResponse, ...]:
    """One response for each set of selecting fields: the one received last, the later group's where they are equal."""
    best: dict[object, StoredResponse] = {}
    for one in (one for group in groups for one in group):
        known = best.get(one.selecting)
        if known is None or one.response_time >= known.response_time:
            best[one.selecting] = one
    return tuple(best.values())
