"""Leads a fetch: asks the next hop, judges what comes, and stores it while those who wait read it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace

from httpcache import clock
from httpcache.fetch.arriving import ArrivingBody
from httpcache.fetch.collapse import Flight, Outcome
from httpcache.fetch.failures import NextHopError
from httpcache.fetch.next_hop import Reply
from httpcache.messages import Form, PurgeMark, ResponseHead, StoredResponse
from httpcache.observe import metrics
from httpcache.rules.decisions import (
    AskAgain,
    DoNotStore,
    Freshened,
    NotStoredReason,
    PassFailure,
    ServeStale,
    Standing,
    Store,
    UseFull,
    Validate,
)
from httpcache.rules.forwarding import for_storing, forwarded_request
from httpcache.rules.storing import decide_storing, purge_tags
from httpcache.rules.validation import conditions, decide_validation
from httpcache.serve.exchange import Incoming
from httpcache.serve.landing import Failed, Landed, Passed, Stored
from httpcache.serve.question import Question
from httpcache.serve.tier import Tier

log = logging.getLogger(__name__)

When = tuple[PurgeMark, float, float]
"""How far the purge log had been followed when a question was sent; the times of request and response."""

TRIES = 5
"""Times that orders may overtake one question before its client is told to come again."""


class Asking:
    """Asks the next hop for one tier."""

    def __init__(self, tier: Tier) -> None:
        self._tier = tier
        self._pumps: set[asyncio.Task[None]] = set()

    async def lead(
        self, question: Question, flight_key: object, flight: Flight[Landed]
    ) -> tuple[Outcome, Landed]:
        """One fetch, up to the head of its response; a body that is stored goes on arriving after that."""
        try:
            reply, when = await self.current(
                question, lambda mark: self._send(question, mark, self._validate(question))
            )
            validate = self._validate(question)
            if validate is not None:
                standing = question.selected.standing if question.selected else Standing.GOOD
                outcome = decide_validation(
                    question.head,
                    validate.stored,
                    reply.head,
                    when[1],
                    when[2],
                    question.policy,
                    standing,
                )
                match outcome:
                    case Freshened():
                        await reply.close()
                        return Outcome.SHARED, self._freshened(outcome, when[0], flight_key, flight)
                    case ServeStale():
                        await reply.close()
                        return Outcome.FAILED, Failed(None, reply.head)
                    case AskAgain():
                        await reply.close()
                        reply, when = await self.current(
                            question, lambda mark: self._send(question, mark, None)
                        )
                    case UseFull() | PassFailure():
                        pass
        except NextHopError as error:
            return Outcome.FAILED, Failed(error)
        return self._land(question, reply, when, flight_key, flight)

    async def current(
        self, question: Question, send: Callable[[PurgeMark], Awaitable[Reply]]
    ) -> tuple[Reply, When]:
        """Ask, and again where an order that came meanwhile covers what was asked for. Raises NextHopError.

        1. The question left; 2. an order came, and was acknowledged; 3. the answer arrives, made before the order:
        nobody may get it any more, whether it would have been stored or not.
        """
        tier = self._tier
        for _ in range(TRIES):
            mark, request_time = tier.purges.mark, tier.now()
            reply = await send(mark)
            if not self._is_overtaken(question, reply.head, mark):
                return reply, (mark, request_time, tier.now())
            await reply.close()
        raise NextHopError("proxy_internal_error", 503, "purged again and again while it was asked for")

    def _is_overtaken(self, question: Question, head: ResponseHead, mark: PurgeMark) -> bool:
        if mark == self._tier.purges.mark:
            return False
        key, validated = question.key, question.validate.stored if question.validate else ()
        came = StoredResponse(
            key.key, key.uri, head.status, "", head.fields, 0.0, 0.0, tags=purge_tags(head.fields), mark=mark
        )
        return any(
            self._tier.is_overtaken(one) for one in (came, *(replace(v, mark=mark) for v in validated))
        )

    def _validate(self, question: Question) -> Validate | None:
        """What to validate, unless an order has come since that was decided which wants it gone."""
        validate, standing = question.validate, self._tier.purges.standing
        if validate is None or any(standing(one) is Standing.GONE for one in validate.stored):
            return None
        return validate

    async def _send(self, question: Question, mark: PurgeMark, validate: Validate | None) -> Reply:
        whole = replace(question.incoming, head=for_storing(question.head), content=None)
        return await self.send(whole, question.key.key, mark, validate)

    async def send(
        self, incoming: Incoming, key: str, mark: PurgeMark, validate: Validate | None = None
    ) -> Reply:
        """Forward a request with what this tier adds, and its content. Raises NextHopError."""
        tier, request = self._tier, incoming.head
        forwarded = forwarded_request(
            request,
            incoming.client,
            tier.identity,
            trusts_peer=tier.wiring.trusts_peers,
            protocol=incoming.version,
        )
        lines = list(conditions(validate.stored)) if validate else []
        if tier.wiring.sends_mark:
            lines.append(("Edgeward-Purge-Mark", f"{mark.epoch}.{mark.n}"))
        forwarded = replace(forwarded, fields=forwarded.fields.adding(*lines))
        host = "" if tier.settings.origin_host == "origin" and not tier.wiring.sends_mark else None
        try:
            reply = await tier.next_hop.send(
                forwarded,
                tier.wiring.route.servers(request.authority, key),
                incoming.content,
                host,
                incoming.interim,
            )
        except NextHopError as error:
            metrics.FETCHES.labels(error.error).inc()
            raise
        metrics.FETCHES.labels(str(reply.head.status)).inc()
        return reply

    def _freshened(
        self, freshened: Freshened, mark: PurgeMark, flight_key: object, flight: Flight[Landed]
    ) -> Stored:
        """Keep what a 304 freshened: proven good as far as the log had been followed when the question was sent."""
        fresh = [replace(one, mark=mark) for one in freshened.stored]
        for one in fresh:
            self._tier.store.keep(one, {})
        self._tier.collapser.close(flight_key, flight)
        return Stored(fresh[0], None, 304, freshened.unshared)

    def keep_post(self, question: Question, reply: Reply, mark: PurgeMark) -> Stored | None:
        """Store the response to a POST where it answers later GETs (RFC 9110 §9.3.3); None when it does not.

        It counts as fetched the moment after the POST has invalidated what was stored for the target.
        """
        now = math.nextafter(self._tier.now(), math.inf)
        _, landed = self._land(question, reply, (mark, now, now), None, Flight())
        return landed if isinstance(landed, Stored) else None

    def _land(
        self,
        question: Question,
        reply: Reply,
        when: When,
        flight_key: object,
        flight: Flight[Landed],
    ) -> tuple[Outcome, Landed]:
        tier, (mark, request_time, response_time) = self._tier, when
        decision = decide_storing(question.head, reply.head, response_time, question.policy)
        limit = tier.settings.store.largest
        if tier.store.disk is None:
            limit = min(limit, tier.store.ram.largest)
        if isinstance(decision, Store) and reply.length is not None and reply.length > limit:
            decision = DoNotStore(NotStoredReason.TOO_LARGE)
        if isinstance(decision, DoNotStore):
            passed = Passed(reply, decision.reason)
            if question.validate is not None and passed.is_of_response and reply.head.status < 500:
                # What was asked about has been superseded: nothing may give it as if it were only stale.
                tier.invalidations.mark(f"uri:{question.key.uri}", request_time)
            return Outcome.NOT_STORABLE, passed
        body_id = tier.store.new_body_id(question.key.key)
        stored = StoredResponse(
            key=question.key.key,
            uri=question.key.uri,
            status=reply.head.status,
            reason=reply.head.reason,
            fields=decision.fields,
            request_time=request_time,
            response_time=response_time,
            selecting=decision.selecting,
            tags=decision.tags,
            groups=decision.groups,
            mark=mark,
            forms=(Form("", body_id, reply.length),),
        )
        arriving = ArrivingBody(
            body_id,
            reply.length,
            tier.store.segments,
            size=tier.settings.store.segment,
            held=tier.settings.fetch.held_in_ram,
        )
        task = asyncio.get_running_loop().create_task(self._pump(reply, stored, arriving, flight_key, flight))
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)
        return Outcome.SHARED, Stored(stored, arriving, reply.head.status, decision.unshared)

    async def _pump(
        self,
        reply: Reply,
        stored: StoredResponse,
        arriving: ArrivingBody,
        flight_key: object,
        flight: Flight[Landed],
    ) -> None:
        """Move the body from the next hop to those who read it, then into the store if it came whole."""
        tier = self._tier
        try:
            async for data in reply.chunks():
                metrics.FETCHED_BYTES.inc(len(data))
                await arriving.write(data)
                if arriving.kept and arriving.received > tier.settings.store.largest:
                    arriving.stop_keeping()
                    tier.collapser.close(flight_key, flight)
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
            tier.collapser.close(flight_key, flight)
            await reply.close()

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

    def keep_apart(self, key: str) -> None:
        """Remember that requests for `key` gain nothing by waiting for each other (hit-for-miss)."""
        self._tier.collapser.keep_apart(key, clock.monotonic() + self._tier.settings.fetch.uncollapsible)
