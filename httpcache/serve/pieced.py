"""Answers from a representation that is held in part: what is held from the store, what lacks piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast

from httpcache.messages import Octets, Span, StoredResponse
from httpcache.rules.answers import Composed
from httpcache.rules.collapsing import Apart
from httpcache.rules.decisions import Candidate, Forward, ForwardReason, Standing
from httpcache.rules.partial import held_up_to, is_partial
from httpcache.rules.pieces import aligned, first_piece, is_buildable, next_piece
from httpcache.rules.vary import select
from httpcache.serve.asking import Asking
from httpcache.serve.exchange import BrokenOff
from httpcache.serve.landing import Passed, Piece, Stored
from httpcache.serve.question import Question
from httpcache.serve.resuming import close_octets
from httpcache.serve.tier import Tier
from httpcache.serve.waiting import Waiting
from httpcache.store.segments import Place, SegmentLost

_UNKNOWN = (ForwardReason.URI_MISS, ForwardReason.VARY_MISS, ForwardReason.MISS, ForwardReason.PARTIAL)


class Pieces:
    """Fetches pieces for one tier, each once for all who want it."""

    def __init__(self, tier: Tier, asking: Asking, waiting: Waiting) -> None:
        self.tier = tier
        self._asking = asking
        self._waiting = waiting

    @property
    def size(self) -> int:
        """Size of a piece, in bytes: a segment of the store."""
        return self.tier.settings.store.segment

    def prepared(self, question: Question) -> Question:
        """The question, with the piece to ask for where the whole is not what is wanted, or not all that lacks."""
        if self._waiting.is_apart(question.key.key, Apart.RANGES):
            return question
        head, now = question.head, self.tier.now()
        partial = _partial(question)
        if partial is not None:
            return replace(question, piece=next_piece(head, partial, self.size, now), partial=partial)
        first = first_piece(head, self.size)
        validate = question.validate
        if first is None or (validate is None and question.decision.reason not in _UNKNOWN):
            return question
        if validate is not None:
            form = validate.stored[0].forms[0]
            if (form.length or 0) <= max(self.size, self.tier.settings.fetch.whole_up_to):
                return question
            return replace(question, piece=next_piece(head, validate.stored[0], self.size, now))
        return question if self._is_coming(question, first) else replace(question, piece=first)

    def _is_coming(self, question: Question, piece: Span) -> bool:
        """Whether the whole is on its way already, and the octets asked for will be here soon."""
        key, collapser = question.flight_key(frozenset()), self.tier.collapser
        landing = collapser.landing(key)
        if not isinstance(landing, Stored) or landing.arriving is None:
            return collapser.is_under_way(key)
        near = landing.arriving.received >= piece[0]
        return near or (landing.arriving.length or 0) <= self.tier.settings.fetch.whole_up_to

    async def fetch(self, question: Question, stored: StoredResponse, at: int) -> Piece:
        """The piece of `stored` that octet `at` is in. Raises BrokenOff where there is none that belongs to it."""
        form = stored.forms[0]
        wanted = replace(
            question,
            incoming=replace(question.incoming, interim=None),
            decision=Forward(ForwardReason.PARTIAL),
            piece=aligned(at, self.size, form.length),
            partial=stored,
        )
        key = wanted.flight_key(frozenset())
        joined = await self.tier.collapser.join(key, lambda flight: self._asking.lead(wanted, key, flight))
        match joined.landing:
            case Piece() as piece if piece.body_id == form.body_id:
                return piece
            case Passed(reply) if joined.led:
                await reply.close()
        # Another representation, or none: what was sent of this one so far can only be broken off.
        if not isinstance(joined.landing, Piece | Stored):
            raise BrokenOff
        self.tier.store.forget(stored.key, stored)
        raise BrokenOff

    def held(self, stored: StoredResponse) -> StoredResponse | None:
        """The representation with what is held of it now."""
        return self.tier.store.held_of(stored.key, stored.forms[0].body_id)


def _partial(question: Question) -> StoredResponse | None:
    """What is held in part of the representation that this request would get, if pieces can be added to it."""
    selected: list[Candidate] = select(
        [one for one in question.candidates if one.standing is not Standing.GONE], question.head
    )
    first = selected[0].stored if selected else None
    return first if first is not None and is_partial(first) and is_buildable(first) else None


class PiecedContent:
    """Octets of a representation of which a part is held. One piece is fetched ahead of the client."""

    def __init__(self, pieces: Pieces, question: Question, landed: Piece, composed: Composed) -> None:
        self._pieces = pieces
        self._question = question
        self._stored = landed.stored
        self._landed = landed
        self._composed = composed
        self._ahead: tuple[int, asyncio.Task[Piece | None]] | None = None
        self._has_lost = False
        self._octets: AsyncIterator[Octets | Place] | None = None
        self._placed: Span = (0, 0)
        """The octets whose place was told last."""

    async def __aiter__(self) -> AsyncIterator[Octets]:
        self._octets = self._run(in_files=False)
        async for some in self._octets:
            yield cast(Octets, some)

    def in_files(self) -> AsyncIterator[Octets | Place]:
        """See InFiles."""
        self._octets = self._run(in_files=True)
        return self._octets

    async def unread(self, sent: int) -> AsyncIterator[Octets]:
        """See InFiles: what cannot be read either is asked for."""
        at, end = self._placed
        at += sent
        while at < end:
            async for some in self._next(at, end, in_files=False):
                at += len(cast(Octets, some))
                yield cast(Octets, some)

    async def aclose(self) -> None:
        """Let go; a piece that is being fetched is fetched to its end."""
        if self._octets is not None:
            await close_octets(self._octets)
        if self._ahead is not None:
            self._ahead[1].cancel()
            await asyncio.gather(self._ahead[1], return_exceptions=True)

    async def _run(self, *, in_files: bool) -> AsyncIterator[Octets | Place]:
        parts = self._composed.parts
        for before, span in [(part.before, part.span) for part in parts] or [
            (b"", span) for span in self._composed.spans
        ]:
            if before:
                yield before
            at, end = span or (0, 0)
            while at < end:
                async for some in self._next(at, end, in_files=in_files):
                    stop = at + (some.length if isinstance(some, Place) else len(some))
                    self._placed = at, stop
                    yield some
                    at = stop

    async def _next(self, at: int, end: int, *, in_files: bool) -> AsyncIterator[Octets | Place]:
        """Octets from `at` on: those of the piece that has landed, of the store, or of a piece that is asked for."""
        first, stop = self._landed.span
        if not first <= at < stop:
            held = self._held()
            until = min(end, held_up_to(held.forms[0], at)) if held is not None else at
            if held is not None and until > at:
                async for some in self._stored_octets(held, at, until, in_files=in_files):
                    yield some
                return
            landed = await self._fetched(at)
            if landed is None:
                return  # somebody else had it fetched: it is held now
            self._landed = landed
            first, stop = landed.span
        self._fetch_ahead(stop, end)
        reader = self._landed.arriving.read(at - first, min(stop, end) - first)
        try:
            async for data in reader:
                yield data
        finally:
            await reader.aclose()

    def _held(self) -> StoredResponse | None:
        """The representation with what is held of it; of one that has lost a segment, none is relied on any more."""
        return None if self._has_lost else self._pieces.held(self._stored)

    async def _stored_octets(
        self, held: StoredResponse, at: int, until: int, *, in_files: bool
    ) -> AsyncIterator[Octets | Place]:
        if in_files:
            place, until = await self._pieces.tier.store.place(held.forms[0], at, until)
            if place is not None:
                yield place
                return
        try:
            async for data in self._pieces.tier.store.read(held, held.forms[0], at, until):
                yield data
        except SegmentLost:
            self._has_lost = True  # and what it was in is forgotten: the rest is asked for, piece by piece

    async def _fetched(self, at: int) -> Piece | None:
        if self._ahead is not None and self._ahead[0] == at - at % self._pieces.size:
            task, self._ahead = self._ahead[1], None
            return await task
        return await self._fetch(at)

    async def _fetch(self, at: int) -> Piece | None:
        """The piece that octet `at` is in; None where it is held. Nothing is awaited between that and the asking."""
        held = self._held()
        if held is not None and held_up_to(held.forms[0], at) > at:
            return None
        return await self._pieces.fetch(self._question, self._stored, at)

    def _fetch_ahead(self, at: int, end: int) -> None:
        """Ask for the next piece while the client reads this one, where it wants it and it is not held."""
        if at < end and self._ahead is None:
            self._ahead = at, asyncio.get_running_loop().create_task(self._fetch(at))
