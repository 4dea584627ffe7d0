"""Lands pieces: judges a 206 that came for an aligned segment, and adds its octets to what is held."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from httpcache.fetch.arriving import ArrivingBody
from httpcache.fetch.collapse import Outcome
from httpcache.fetch.failures import NextHopError
from httpcache.fetch.held import HeldInAll
from httpcache.messages import Form, StoredResponse
from httpcache.observe import metrics
from httpcache.rules.combining import combine
from httpcache.rules.decisions import DoNotStore, Standing
from httpcache.rules.partial import is_partial
from httpcache.rules.pieces import FetchWhole, KeepPiece, Limits, decide_piece
from httpcache.serve.keeping import Came, FlightOf, to_store
from httpcache.serve.landing import Landed, Passed, Piece
from httpcache.serve.question import Question
from httpcache.serve.resuming import close_octets
from httpcache.serve.tier import Tier

log = logging.getLogger(__name__)


class Piecing:
    """Lands the pieces of one tier."""

    def __init__(self, tier: Tier, room: HeldInAll) -> None:
        self._tier = tier
        self._room = room
        self._pumps: set[asyncio.Task[None]] = set()
        self._first: dict[str, ArrivingBody] = {}
        """The first pieces of new bodies, until the store knows of them."""

    async def land(self, question: Question, came: Came, flight: FlightOf) -> tuple[Outcome, Landed] | None:
        """What a 206 for `question.piece` is good for; None when the whole is to be asked for instead."""
        assert question.piece is not None
        tier, reply = self._tier, came.reply
        builds = tier.store.disk is not None
        limits = Limits(tier.store.largest, tier.settings.fetch.whole_up_to, builds)
        decision = decide_piece(
            question.head, question.piece, reply.head, came.response_time, question.policy, limits
        )
        match decision:
            case FetchWhole():
                await reply.close()
                return None
            case DoNotStore(reason):
                return Outcome.NOT_STORABLE, Passed(
                    reply, reason, "authorization" in question.head.fields, is_piece=True
                )
            case KeepPiece():
                return Outcome.SHARED, self._begin(question, came, decision, flight)

    def _begin(
        self,
        question: Question,
        came: Came,
        decision: KeepPiece,
        flight: FlightOf,
    ) -> Piece:
        tier = self._tier
        partial, stored = question.partial, None
        if partial is not None and tier.candidate(partial).standing is not Standing.GONE:
            added = _added(partial, came)
            stored = None if added is None else replace(added, forms=partial.forms)
        is_new = stored is None
        if stored is None:
            form = Form("", tier.store.new_body_id(question.key.key), decision.length)
            stored = to_store(question, came, decision.store, 200, form)  # an incomplete 200 (RFC 9111 §3.3)
        arriving = ArrivingBody(
            stored.forms[0].body_id,
            decision.span[1] - decision.span[0],
            tier.store.segments,
            size=tier.settings.store.segment,
            held=tier.settings.store.segment,
            room=self._room,
        )
        piece = Piece(
            stored, decision.span, arriving, came.reply.head.status, is_new, decision.store.unshared
        )
        if is_new:
            self._first[piece.body_id] = arriving
        task = asyncio.get_running_loop().create_task(self._pump(piece, came, flight))
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)
        return piece

    async def _pump(self, piece: Piece, came: Came, flight: FlightOf) -> None:
        """Move the octets of a piece from the next hop to those who read it, then into the store."""
        arriving, octets = piece.arriving, came.octets(piece.span)
        try:
            async for data in octets:
                metrics.FETCHED_BYTES.inc(len(data))
                if arriving.received + len(data) > piece.span[1] - piece.span[0]:
                    raise NextHopError("http_response_body_size", 502, "more came than was told")
                await arriving.write(data)
            if arriving.received < piece.span[1] - piece.span[0]:
                raise NextHopError("http_response_incomplete", 502, "body broken off")
            await self._keep(piece, came)
            arriving.finish()
        except NextHopError as error:
            arriving.fail(error)
        except Exception:
            log.exception("storing a piece of %s failed", piece.stored.uri)
            arriving.fail(NextHopError("proxy_internal_error", 502, "storing failed"))
            raise
        finally:
            if piece.is_new:
                del self._first[piece.body_id]
            self._tier.collapser.close(*flight)
            await close_octets(octets)
            await came.reply.close()

    async def _keep(self, piece: Piece, came: Came) -> None:
        """Add a piece that has come to what is held, if that is still the same representation."""
        store, form, data = self._tier.store, piece.stored.forms[0], piece.arriving.contents()
        if data is None:
            return
        with_it = replace(piece.stored, forms=(replace(form, held=(piece.span,)),))
        if piece.span == (0, form.length):
            store.keep(with_it, {form.body_id: data})
            return
        index = piece.span[0] // self._tier.settings.store.segment
        if not await store.segments.write(form.body_id, index, data):
            return
        if piece.is_new:
            added = None if self._is_held_whole(with_it) else with_it
        else:
            added = await self._added_to_what_is_held(piece, came)
        if added is None:
            # 1. the piece was asked for; 2. what it belongs to was purged, evicted or replaced; 3. it came, and
            # nothing names it.
            store.segments.discard(form.body_id)
        else:
            store.keep(added, {})

    async def _added_to_what_is_held(self, piece: Piece, came: Came) -> StoredResponse | None:
        if (first := self._first.get(piece.body_id)) is not None:
            await first.has_ended()  # which is when the store knows of the body
        held = self._tier.store.held_of(piece.stored.key, piece.body_id)
        if held is None or self._tier.candidate(held).standing is Standing.GONE:
            return None
        return _added(held, came)

    def _is_held_whole(self, held: StoredResponse) -> bool:
        """Whether all of a response for the same requests came in the meantime, and no earlier."""
        return any(
            one.selecting == held.selecting and not is_partial(one) and one.response_time >= held.request_time
            for one in self._tier.store.look_deeper(held.key)
        )

    async def drain(self) -> None:
        """Wait for the pieces that are still arriving."""
        if self._pumps:
            await asyncio.wait(self._pumps)


def _added(held: StoredResponse, came: Came) -> StoredResponse | None:
    """What is held with the octets that were asked for; None where they are of another representation."""
    added = combine(held, came.reply.head, came.request_time, came.response_time)
    return None if added is None else replace(added, mark=came.mark)
