"""RAM over disk: a miss goes into both, the disk's policy sees what RAM missed."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

from httpcache.messages import Form, StoredResponse
from httpcache.settings import StoreSettings
from httpcache.store.admission import SecondHit
from httpcache.store.counts import Counts
from httpcache.store.disk import DiskStore
from httpcache.store.ram import RamStore
from httpcache.store.records import key_hash
from httpcache.store.segments import ScratchSegments, SegmentLost, SegmentSink

INLINE = 64 * 2**10
"""Bodies up to this are read from disk at once: a hop to a thread would cost more, in bytes."""


class TieredStore:
    """Stored responses by cache key. Synchronous calls are quick; nothing here raises but `read` (SegmentLost)."""

    def __init__(self, settings: StoreSettings, folder: Path, *, evicts: bool = True) -> None:
        self.counts = Counts()
        self.ram = RamStore(settings.ram)
        self.disk: DiskStore | None = None
        if settings.disk:
            self.disk = DiskStore(folder, settings.disk, settings.queue, self.counts, evicts=evicts)
        self.segments: SegmentSink = self.disk or ScratchSegments(settings.segment)
        self._segment = settings.segment
        self._variants = settings.variants
        self._admission = SecondHit()
        self._numbers = itertools.count()

    async def start(self) -> None:
        """Begin to write behind."""
        if self.disk is not None:
            self.disk.start()

    async def close(self) -> None:
        """Write what waits."""
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
        found = self._from_disk(key)
        if found:
            self.counts.disk_hits += 1
        else:
            self.counts.misses += 1
        return found

    def look_deeper(self, key: str) -> tuple[StoredResponse, ...]:
        """What is stored for a key in RAM and on disk together; of two with the same selecting fields the newer."""
        shelf = self.ram.get(key)
        if self.disk is None or shelf is None:
            return self.look_up(key) if shelf is not None else self._from_disk(key)
        merged = _newest(self._from_disk(key), shelf.candidates)
        if merged != shelf.candidates:
            self.ram.put(key, merged, {})
        return merged

    def _from_disk(self, key: str) -> tuple[StoredResponse, ...]:
        return self.disk.get(key) if self.disk is not None else ()

    def keep(self, stored: StoredResponse, bodies: Mapping[str, bytes]) -> None:
        """Store a response in the place of the one with the same selecting fields; `bodies` by body id, whole."""
        before = self.look_up(stored.key)
        others = [one for one in before if one.selecting != stored.selecting]
        candidates = (*others[-(self._variants - 1) :], stored) if self._variants > 1 else (stored,)
        self.ram.put(stored.key, candidates, bodies)
        if self.disk is not None and (before or self._is_admitted(stored, bodies)):
            missing = self._bodies_in_ram_only(stored, bodies) if before else {}
            self.disk.put(stored.key, candidates, self._segments({**missing, **bodies}))
        self._discard(before, candidates)

    def _is_admitted(self, stored: StoredResponse, bodies: Mapping[str, bytes]) -> bool:
        """Whether a new key is written to disk; a body whose segments stand there already always is."""
        assert self.disk is not None
        if not self.disk.is_pressed or not bodies:
            return True
        return self._admission.admits(stored.key, sum(map(len, bodies.values())))

    def _bodies_in_ram_only(self, stored: StoredResponse, bodies: Mapping[str, bytes]) -> dict[str, bytes]:
        """Bodies of candidates that were not admitted to disk before, and are needed there from now on."""
        assert self.disk is not None
        if self.disk.get(stored.key):
            return {}
        shelf = self.ram.get(stored.key)
        return dict(shelf.bodies) if shelf else {}

    def _segments(self, bodies: Mapping[str, bytes]) -> Iterable[tuple[str, int, bytes]]:
        for body_id, body in bodies.items():
            for index in range(0, max(len(body), 1), self._segment):
                yield body_id, index // self._segment, body[index : index + self._segment]

    def _discard(self, before: Iterable[StoredResponse], after: Iterable[StoredResponse]) -> None:
        named = {form.body_id for one in after for form in one.forms}
        for one in before:
            for form in one.forms:
                if form.body_id not in named:
                    self.segments.discard(form.body_id)

    def forget(self, key: str, stored: StoredResponse | None = None) -> None:
        """Drop what is stored for a key, or one of it."""
        before = self.look_deeper(key)
        left = tuple(one for one in before if stored is not None and one.selecting != stored.selecting)
        self.ram.drop(key)
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

    async def read(self, stored: StoredResponse, form: Form, first: int, end: int) -> AsyncIterator[bytes]:
        """Octets [first, end) of a form, a segment at a time. Raises SegmentLost."""
        whole = self.body(stored, form)
        if whole is not None:
            yield whole[first:end]
            return
        parts: list[bytes] | None = (
            [] if (first, end) == (0, form.length) and end <= self.ram.largest else None
        )
        for index in range(first // self._segment, (end + self._segment - 1) // self._segment):
            at = index * self._segment
            data = await self.segments.read(form.body_id, index)
            if data is None or (len(data) < self._segment and at + len(data) < end):
                raise SegmentLost(form.body_id, index)
            if parts is not None:
                parts.append(data)
            yield data[max(0, first - at) : end - at]
        if parts is not None:
            self._promote(stored, form, b"".join(parts))


def _newest(*groups: Iterable[StoredResponse]) -> tuple[StoredResponse, ...]:
    """One response for each set of selecting fields: the one received last, the later group's where they are equal."""
    best: dict[object, StoredResponse] = {}
    for one in (one for group in groups for one in group):
        known = best.get(one.selecting)
        if known is None or one.response_time >= known.response_time:
            best[one.selecting] = one
    return tuple(best.values())
