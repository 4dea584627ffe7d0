"""Which forms of a stored response are made, and when; how they come into the store: never whole in RAM where large."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

from httpcache.fetch.arriving import ArrivingBody
from httpcache.messages import Form, RequestHead, StoredResponse
from httpcache.observe import metrics
from httpcache.rules.content_coding import coding_to_make, received_coding
from httpcache.serve.codecs import Undecodable, level_of
from httpcache.serve.tier import Tier
from httpcache.store.segments import SegmentLost

COUNTED = 8192
"""Forms whose answers are counted at any time; beyond it all counts are halved, and what was asked once is dropped."""


class Forms:
    """Has the forms made that clients would like, for the next ones who ask."""

    def __init__(self, tier: Tier) -> None:
        self._tier = tier
        self._asked: dict[str, int] = {}

    def answered(
        self, request: RequestHead, stored: StoredResponse, given: Form, arriving: ArrivingBody | None = None
    ) -> None:
        """A client got the form `given`: have made the one it would have liked, or `given` anew when it is hot."""
        settings = self._tier.settings.coding
        if not self._tier.wiring.codes:
            return
        coding = coding_to_make(request.fields.get("accept-encoding"), stored, settings)
        if coding:
            self._schedule(stored, coding, 0, arriving)
        else:
            self.given(stored, given)

    def wished(self, stored: StoredResponse, coding: str) -> None:
        """A client would have liked a coding that may be made: have it made."""
        self._schedule(stored, coding, 0, None)

    def given(self, stored: StoredResponse, form: Form) -> None:
        """A client got the form that it likes best: have that made anew when it is hot."""
        if self.counts(form) and self._is_hot(stored, form):
            self._schedule(stored, "br", 1, None)

    def counts(self, form: Form) -> bool:
        """Whether it matters how often a form is given."""
        return self._tier.wiring.codes and form.coding == "br" and not form.edition

    def _is_hot(self, stored: StoredResponse, form: Form) -> bool:
        settings = self._tier.settings.coding
        if not settings.often or settings.br_high_quality <= settings.br_quality:
            return False
        count = self._asked[form.body_id] = self._asked.get(form.body_id, 0) + 1
        if len(self._asked) > COUNTED:
            self._asked = {name: asked // 2 for name, asked in self._asked.items() if asked > 1}
        length = stored.forms[0].length or 0
        return count >= settings.often and settings.high_smallest <= length <= settings.high_largest

    def _schedule(
        self, stored: StoredResponse, coding: str, edition: int, arriving: ArrivingBody | None
    ) -> None:
        received = stored.forms[0]
        name = f"{received.body_id}-{coding}{edition + 1 if edition else ''}"
        if not self._tier.coder.may_make(name):
            return
        form = Form(coding, name, None, (), edition)
        if arriving is None:
            self._tier.coder.schedule(name, lambda: self._make(stored, form))
            return

        def of_what_stands() -> None:
            for one in self._standing(stored)[:1]:
                self._schedule(one, coding, edition, None)

        self._tier.coder.schedule_later(name, arriving.has_ended(), of_what_stands)

    def _standing(self, stored: StoredResponse) -> list[StoredResponse]:
        """What now stands in the store with the body of `stored`: it may have been freshened, replaced or evicted."""
        body_id = stored.forms[0].body_id
        return [
            one
            for one in self._tier.store.look_up(stored.key)
            if one.forms and one.forms[0].body_id == body_id
        ]

    async def _make(self, stored: StoredResponse, form: Form) -> bool:
        """Make one form and keep it; False when it can never be made."""
        tier = self._tier
        sink = _Sink(tier, form.body_id)
        received = stored.forms[0]
        octets = tier.store.read(stored, received, 0, received.length or 0)
        try:
            if form.coding == "identity":
                made_octets = tier.coder.decoded(octets, received_coding(stored.fields))
            else:
                level = level_of(form.coding, tier.settings.coding, high=form.edition > 0)
                made_octets = tier.coder.coded(octets, form.coding, level)
            async with aclosing(made_octets):
                async for data in made_octets:
                    await sink.write(data)
            bodies = await sink.finish()
        except SegmentLost:
            sink.discard()
            return True
        except (Undecodable, _TooLarge):
            sink.discard()
            return False
        metrics.CODED.labels(form.coding).inc()
        made = replace(form, length=sink.length, held=((0, sink.length),) if sink.length else ())
        standing = self._standing(stored)
        for one in standing:
            tier.store.keep(with_form(one, made), bodies)
        if not standing:
            sink.discard()
        return True


class _TooLarge(Exception):
    """A form grows beyond what is kept."""


class _Sink:
    """Takes a form's octets: in RAM while they are few, beyond that in segments of the disk store."""

    def __init__(self, tier: Tier, body_id: str) -> None:
        self.length = 0
        self._store = tier.store
        self._body_id = body_id
        self._size = tier.settings.store.segment
        disk = tier.store.disk
        self._largest = tier.settings.coding.decoded_largest if disk else tier.store.ram.largest
        self._spills = disk is not None
        self._octets = bytearray()
        self._written = 0

    async def write(self, data: bytes) -> None:
        """Take more. Raises _TooLarge or SegmentLost (it could not be written)."""
        self._octets += data
        self.length += len(data)
        if self.length > self._largest:
            raise _TooLarge
        while self._spills and len(self._octets) > self._size:
            await self._spill()

    async def finish(self) -> dict[str, bytes]:
        """The whole, by its name, where it stands in RAM; nothing where it was written to segments."""
        if not self._written:
            return {self._body_id: bytes(self._octets)}
        if self._octets:
            await self._spill()
        return {}

    async def _spill(self) -> None:
        segment = bytes(self._octets[: self._size])
        if not await self._store.segments.write(self._body_id, self._written, segment):
            raise SegmentLost(self._body_id, self._written)
        del self._octets[: self._size]
        self._written += 1

    def discard(self) -> None:
        """Nothing of it is kept."""
        if self._written:
            self._store.segments.discard(self._body_id)


def with_form(stored: StoredResponse, form: Form) -> StoredResponse:
    """`stored` with one more form, in the place of an earlier one of that coding."""
    others = tuple(other for other in stored.forms if other.coding != form.coding)
    return replace(stored, forms=(*others, form))
