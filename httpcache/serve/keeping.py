"""Moves whole bodies from the next hop to those who read them, and into the store once they have come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from httpcache.fetch.arriving import ArrivingBody
from httpcache.fetch.collapse import Flight
from httpcache.fetch.failures import NextHopError
from httpcache.fetch.held import HeldInAll
from httpcache.fetch.next_hop import Reply
from httpcache.messages import Form, PurgeMark, Span, StoredResponse
from httpcache.observe import metrics
from httpcache.rules.decisions import NotStoredReason, Store
from httpcache.serve.landing import Landed
from httpcache.serve.question import Question
from httpcache.serve.resuming import Rest, close_octets
from httpcache.serve.tier import Tier

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Came:
    """What came back, and when it was asked for: times are Unix seconds, `mark` how far the purge log was followed."""

    reply: Reply
    mark: PurgeMark
    request_time: float
    response_time: float
    rest: Rest | None = None
    """How more of it is asked for where its body ends too early; None where nothing would tell that it is the same."""

    def octets(self, span: Span | None) -> AsyncIterator[bytes]:
        """Its body, whose octets are `span` of the representation; None where the length is not known."""
        if self.rest is None or span is None:
            return self.reply.chunks()
        return self.rest.octets(self.reply, span)


FlightOf = tuple[object, Flight[Landed]]
"""A fetch that others can join, and the key by which they do."""


def to_store(question: Question, came: Came, decision: Store, status: int, form: Form) -> StoredResponse:
    """The stored response that a reply makes; `form` is its content, as far as that is held."""
    return StoredResponse(
        key=question.key.key,
        uri=question.key.uri,
        status=status,
        reason=came.reply.head.reason if status == came.reply.head.status else "OK",
        fields=decision.fields.shared(),
        request_time=came.request_time,
        response_time=came.response_time,
        selecting=decision.selecting,
        tags=decision.tags,
        groups=decision.groups,
        mark=came.mark,
        forms=(form,),
    )


class Keeping:
    """Stores the bodies of one tier while they arrive."""

    def __init__(self, tier: Tier, room: HeldInAll) -> None:
        self._tier = tier
        self._room = room
        self._pumps: set[asyncio.Task[None]] = set()

    def refusal(self, body_id: str, length: int | None) -> NotStoredReason | None:
        """Why a body that is about to arrive is not stored; None when it is, and has its room."""
        store = self._tier.store
        if length is None or length <= self._tier.settings.fetch.held_in_ram:
            return NotStoredReason.TOO_LARGE if (length or 0) > store.largest else None
        if length > store.largest:
            return NotStoredReason.TOO_LARGE
        return None if store.begin(body_id, length) else NotStoredReason.NO_ROOM

    def begin(self, came: Came, stored: StoredResponse, flight: FlightOf) -> ArrivingBody:
        """The body of a reply, as it arrives from now on."""
        tier = self._tier
        arriving = ArrivingBody(
            stored.forms[0].body_id,
            came.reply.length,
            tier.store.segments,
            size=tier.settings.store.segment,
            held=tier.settings.fetch.held_in_ram,
            room=self._room,
        )
        arriving.goes_on = came.rest.octets_of if came.rest is not None else None
        task = asyncio.get_running_loop().create_task(self._pump(came, stored, arriving, flight))
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)
        return arriving

    def keep_whole(self, stored: StoredResponse, whole: bytes, flight: FlightOf) -> None:
        """Store a response whose body has come whole. See _keep for a store that cannot take it."""
        metrics.FETCHED_BYTES.inc(len(whole))
        try:
            self._tier.store.keep(stored, {stored.forms[0].body_id: whole})
        except Exception:
            log.exception("storing %s failed", stored.uri)
        self._tier.collapser.close(*flight)

    async def _pump(
        self, came: Came, stored: StoredResponse, arriving: ArrivingBody, flight: FlightOf
    ) -> None:
        """Move the body from the next hop to those who read it, then into the store if it came whole."""
        tier, length = self._tier, came.reply.length
        octets = came.octets(None if length is None else (0, length))
        try:
            async for data in octets:
                metrics.FETCHED_BYTES.inc(len(data))
                await arriving.write(data)
                if arriving.kept and arriving.received > tier.store.largest:
                    arriving.stop_keeping()
                    tier.collapser.close(*flight)
                if arriving.is_abandoned and not self._is_worth_finishing(arriving):
                    metrics.ABANDONED.inc()
                    raise NextHopError("proxy_internal_response", 502, "given up: nobody was left to read it")
            await self._keep(stored, arriving)
            arriving.finish()
        except NextHopError as error:
            arriving.fail(error)
            tier.store.segments.discard(arriving.body_id)
        except Exception:
            log.exception("storing %s failed", stored.uri)
            arriving.fail(NextHopError("proxy_internal_error", 502, "storing failed"))
            tier.store.segments.discard(arriving.body_id)
            raise
        finally:
            tier.collapser.close(*flight)
            await close_octets(octets)
            await came.reply.close()

    def _is_worth_finishing(self, arriving: ArrivingBody) -> bool:
        """Whether a body that nobody reads any more is fetched to its end, so that the next one finds it stored.

        One of unknown length may be endless: it is, up to what may stand in RAM.
        """
        fetch = self._tier.settings.fetch
        if not arriving.kept:
            return False
        if arriving.length is None:
            return fetch.finish_abandoned == 0 or arriving.received <= fetch.held_in_ram
        return arriving.received >= fetch.finish_abandoned * arriving.length

    async def _keep(self, stored: StoredResponse, arriving: ArrivingBody) -> None:
        """Hand a whole body to the store. A store that cannot take it costs a later hit, nothing now."""
        if not arriving.kept:
            self._tier.store.segments.discard(arriving.body_id)
            return
        length = arriving.received
        whole = None
        if arriving.spilled:
            if not await arriving.flush():
                self._tier.store.segments.discard(arriving.body_id)
                return
        else:
            whole = arriving.contents()
        held = ((0, length),) if length else ()
        complete = replace(stored, forms=(Form("", arriving.body_id, length, held),))
        self._tier.store.keep(complete, {} if whole is None else {arriving.body_id: whole})

    async def drain(self) -> None:
        """Wait for the bodies that are still arriving."""
        if self._pumps:
            await asyncio.wait(self._pumps)
