"""Leads a fetch: asks the next hop, judges what comes, and stores it while those who wait read it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import lru_cache

from prometheus_client import Counter

from httpcache.fetch.collapse import Flight, Outcome
from httpcache.fetch.failures import NextHopError
from httpcache.fetch.held import HeldInAll
from httpcache.fetch.next_hop import Reply
from httpcache.messages import Form, Line, PurgeMark, ResponseHead, StoredResponse
from httpcache.observe import metrics
from httpcache.rules.collapsing import is_never_stored
from httpcache.rules.combining import parse_content_range
from httpcache.rules.decisions import (
    AskAgain,
    DoNotStore,
    Freshened,
    PassFailure,
    ServeStale,
    Standing,
    Store,
    UseFull,
    Validate,
    ValidationOutcome,
)
from httpcache.rules.forwarding import for_storing, forwarded_request
from httpcache.rules.pieces import is_strong, piece_fields
from httpcache.rules.storing import decide_storing, purge_tags
from httpcache.rules.validation import conditions, decide_validation
from httpcache.serve.exchange import Incoming
from httpcache.serve.keeping import Came, FlightOf, Keeping, to_store
from httpcache.serve.landing import Failed, Landed, Passed, Stored
from httpcache.serve.piecing import Piecing
from httpcache.serve.question import Question
from httpcache.serve.resuming import Changed, Rest
from httpcache.serve.tier import Tier

When = tuple[PurgeMark, float, float]
"""How far the purge log had been followed when a question was sent; the times of request and response."""

WHOLE = 64 * 2**10
"""Bodies up to this are kept and given whole where they came with their heads, in bytes."""

TRIES = 5
"""Times that orders may overtake one question before its client is told to come again."""


class Asking:
    """Asks the next hop for one tier."""

    def __init__(self, tier: Tier) -> None:
        self._tier = tier
        room = HeldInAll(tier.settings.fetch.held_in_all)
        self._keeping = Keeping(tier, room)
        self._piecing = Piecing(tier, room)

    async def lead(
        self, question: Question, flight_key: object, flight: Flight[Landed]
    ) -> tuple[Outcome, Landed]:
        """One fetch, up to the head of its response; a body that is stored goes on arriving after that."""
        question.note_asking(flight)
        try:
            came = await self._ask(question, validating=True)
            validate = self._validate(question)
            if validate is not None:
                match self._judge(question, validate, came):
                    case Freshened() as freshened:
                        await came.reply.close()
                        return Outcome.SHARED, self._freshened(
                            question, freshened, came.mark, (flight_key, flight)
                        )
                    case ServeStale():
                        await came.reply.close()
                        return Outcome.FAILED, Failed(None, came.reply.head)
                    case AskAgain():
                        await came.reply.close()
                        came = await self._ask(question)
                    case UseFull() | PassFailure():
                        pass
            if question.piece is not None:
                return await self._land_piece(question, came, (flight_key, flight))
        except NextHopError as error:
            return Outcome.FAILED, Failed(error)
        return await self._land(question, came, (flight_key, flight))

    def _judge(self, question: Question, validate: Validate, came: Came) -> ValidationOutcome:
        standing = question.selected.standing if question.selected else Standing.GOOD
        return decide_validation(
            question.head,
            validate.stored,
            came.reply.head,
            came.request_time,
            came.response_time,
            question.policy,
            standing,
        )

    async def _land_piece(self, question: Question, came: Came, flight: FlightOf) -> tuple[Outcome, Landed]:
        """What came for a piece: it, or all of a representation that has changed, or that is sent whole always."""
        assert question.piece is not None
        is_long = came.reply.length is None or came.reply.length > self._tier.settings.store.segment
        if came.reply.head.status == 200 and question.partial is not None and is_long:
            # It has changed (RFC 9110 §13.1.5). Of the new one, a piece is enough, too.
            await came.reply.close()
            question = replace(question, partial=None)
            came = await self._ask(question)
        if came.reply.head.status == 206:
            landed = await self._piecing.land(question, came, flight)
            if landed is not None:
                return landed
            question = replace(question, piece=None, partial=None)
            came = await self._ask(question)
        return await self._land(question, came, flight)

    async def _ask(self, question: Question, *, validating: bool = False) -> Came:
        """Ask for the whole, or for one piece; on conditions where something is validated. Raises NextHopError."""

        async def send(mark: PurgeMark) -> Reply:
            validate = self._validate(question) if validating else None
            head = for_storing(question.head)
            if question.piece is not None:
                lines = piece_fields(question.piece, None if validate else question.partial)
                head = head.with_fields(head.fields.adding(*lines))
            came = question.incoming
            asked = Incoming(head, came.client, None, came.interim, came.version)
            return await self.send(asked, question.key.key, mark, validate)

        reply, (mark, request_time, response_time) = await self.current(question, send)
        rest = None
        if is_strong(reply.head.fields):
            part = parse_content_range(reply.head.fields.get("content-range"))
            length = part.length if part else reply.length
            rest = self.rest(question.incoming, _as_stored(question, reply.head, mark), length)
        return Came(reply, mark, request_time, response_time, rest)

    def rest(self, incoming: Incoming, came: StoredResponse, length: int | None) -> Rest | None:
        """How more is asked for of a representation of `length` bytes, if that can be told to belong to what came."""
        if incoming.head.method != "GET" or length is None or not is_strong(came.fields):
            return None

        async def ask(lines: tuple[Line, ...]) -> Reply:
            head = for_storing(incoming.head)
            head = head.with_fields(head.fields.adding(*lines))
            asked = replace(incoming, head=head, content=None, interim=None)
            reply = await self.send(asked, came.key, self._tier.purges.mark)
            if self._tier.is_overtaken(came):
                # Whatever its tag says: octets from before an order and from after it are not put together.
                await reply.close()
                raise Changed
            return reply

        return Rest(ask, came.fields, length, self._tier.settings.fetch)

    def rest_of_passed(self, question: Question, reply: Reply) -> Rest | None:
        """The same of a response that is not stored: for its one client, by the same request."""
        part = parse_content_range(reply.head.fields.get("content-range"))
        came = _as_stored(question, reply.head, self._tier.purges.mark)
        if question.incoming.content is not None:
            return None
        return self.rest(question.incoming, came, part.length if part else reply.length)

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
        validated = question.validate.stored if question.validate else ()
        came = _as_stored(question, head, mark)
        return any(
            self._tier.is_overtaken(one) for one in (came, *(replace(v, mark=mark) for v in validated))
        )

    def _validate(self, question: Question) -> Validate | None:
        """What to validate, unless an order has come since that was decided which wants it gone."""
        validate, standing = question.validate, self._tier.purges.standing
        if validate is None or any(standing(one) is Standing.GONE for one in validate.stored):
            return None
        return validate

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
        if lines:
            forwarded = forwarded.with_fields(forwarded.fields.adding(*lines))
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
        _fetches(reply.head.status).inc()
        return reply

    def _freshened(
        self, question: Question, freshened: Freshened, mark: PurgeMark, flight: FlightOf
    ) -> Stored:
        """Keep what a 304 freshened: proven good as far as the log had been followed when the question was sent."""
        fresh = [replace(one, mark=mark) for one in freshened.stored]
        for one in fresh:
            if not is_never_stored(question.head):
                self._tier.store.keep(one, {})
        self._tier.collapser.close(*flight)
        return Stored(fresh[0], None, 304, freshened.unshared)

    async def keep_post(self, question: Question, reply: Reply, mark: PurgeMark) -> Stored | None:
        """Store the response to a POST where it answers later GETs (RFC 9110 §9.3.3); None when it does not.

        It counts as fetched the moment after the POST has invalidated what was stored for the target.
        """
        now = math.nextafter(self._tier.now(), math.inf)
        _, landed = await self._land(question, Came(reply, mark, now, now), (None, Flight()))
        return landed if isinstance(landed, Stored) else None

    async def _land(self, question: Question, came: Came, flight: FlightOf) -> tuple[Outcome, Landed]:
        tier, reply = self._tier, came.reply
        decision = decide_storing(question.head, reply.head, came.response_time, question.policy)
        body_id = tier.store.new_body_id(question.key.key)
        if isinstance(decision, Store) and (reason := self._keeping.refusal(body_id, reply.length)):
            decision = DoNotStore(reason)
        if isinstance(decision, DoNotStore):
            passed = Passed(reply, decision.reason, "authorization" in question.head.fields)
            if question.validate is not None and passed.tells_of_the_next:
                # What was asked about has been superseded: nothing may give it as if it were only stale.
                tier.invalidations.mark(f"uri:{question.key.uri}", came.request_time)
            return Outcome.NOT_STORABLE, passed
        whole = reply.whole() if reply.length is not None and reply.length <= WHOLE else None
        held = ((0, len(whole)),) if whole else ()
        form = Form("", body_id, reply.length, held)
        stored = to_store(question, came, decision, reply.head.status, form)
        if whole is not None:
            self._keeping.keep_whole(stored, whole, flight)
            await reply.close()
            return Outcome.SHARED, Stored(stored, None, reply.head.status, decision.unshared, whole)
        arriving = self._keeping.begin(came, stored, flight)
        return Outcome.SHARED, Stored(stored, arriving, reply.head.status, decision.unshared)

    def is_answered_without(self, landed: Stored) -> None:
        """Note that a client has its answer without an octet of what arrives: its condition was met, say (304).

        A small body is stored all the same, for those who come next; of a large one nothing more is fetched for nobody.
        """
        arriving, most = landed.arriving, self._tier.settings.fetch.whole_up_to
        if arriving is not None and (arriving.length is None or arriving.length > most):
            arriving.abandon()

    async def drain(self) -> None:
        """Wait for the bodies that are still arriving."""
        await self._piecing.drain()
        await self._keeping.drain()


@lru_cache(1024)
def _fetches(status: int) -> Counter:
    return metrics.FETCHES.labels(str(status))


def _as_stored(question: Question, head: ResponseHead, mark: PurgeMark) -> StoredResponse:
    """What came, as far as orders are concerned."""
    key, tags = question.key, purge_tags(head.fields)
    return StoredResponse(key.key, key.uri, head.status, "", head.fields, 0.0, 0.0, tags=tags, mark=mark)
