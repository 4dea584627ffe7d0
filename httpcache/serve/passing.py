"""Requests that are forwarded as they are: other methods, bypassed ones, and those that could not share a fetch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from httpcache.fetch.failures import NextHopError
from httpcache.fetch.next_hop import Reply
from httpcache.messages import RequestHead, StoredResponse
from httpcache.rules.answers import part_head, passed_head
from httpcache.rules.cache_key import cache_key
from httpcache.rules.collapsing import is_never_stored
from httpcache.rules.content_coding import is_unread, passed_decoded, passed_varying
from httpcache.rules.decisions import (
    Forward,
    ForwardReason,
    Handling,
    Served,
    ServeStale,
)
from httpcache.rules.form_tags import as_named, as_received, names_a_form
from httpcache.rules.forwarding import max_forwards_reached
from httpcache.rules.invalidation import invalidated_groups, invalidated_uris
from httpcache.rules.pieces import part_of_piece
from httpcache.rules.validation import FAILURES, decide_failure, freshen_by_head
from httpcache.serve.answering import Answering
from httpcache.serve.asking import Asking, When
from httpcache.serve.exchange import Answer, Incoming
from httpcache.serve.landing import Failed, Passed
from httpcache.serve.passed import DecodedBody, PassedBody, UndecodedBody
from httpcache.serve.question import Question
from httpcache.serve.tier import Tier
from httpcache.settings import SitePolicy

NOTHING: Mapping[str, str] = {}


class Passing:
    """Forwards for one tier, storing nothing."""

    def __init__(self, tier: Tier, asking: Asking, answering: Answering) -> None:
        self._tier = tier
        self._asking = asking
        self._answering = answering

    async def forward(self, incoming: Incoming, reason: ForwardReason, policy: SitePolicy) -> Answer:
        """Forward a request with its content; invalidate what its success changes (RFC 9111 §4.4)."""
        head = incoming.head
        question = Question(incoming, cache_key(head, policy), policy, Forward(reason))
        refusal = max_forwards_reached(head)
        if refusal is not None:
            return self._answering.refusal(refusal)
        mark = self._tier.purges.mark
        try:
            incoming, made = self._as_received(incoming, question.key.key)
            reply = await self._asking.send(incoming, question.key.key, mark)
        except NextHopError as error:
            if incoming.content is not None and incoming.content.refusal is not None:
                return self._answering.refusal(incoming.content.refusal, question.key.key)
            return self._answering.failure(question, error)
        self._invalidate(head, reply)
        if (
            head.method == "POST"
            and (landed := await self._asking.keep_post(question, reply, mark)) is not None
        ):
            return self._answering.landed(question, landed, led=True)
        return await self.pass_on(question, Passed(reply, ""), made)

    def _as_received(self, incoming: Incoming, key: str) -> tuple[Incoming, Mapping[str, str]]:
        """A request whose conditions name what the next hop knows, and the tags that the client named instead."""
        if not self._tier.wiring.codes or not names_a_form(incoming.head):
            return incoming, {}
        renamed = as_received(incoming.head, self._tier.store.look_deeper(key))
        return replace(incoming, head=renamed.request), renamed.made

    def _invalidate(self, head: RequestHead, reply: Reply) -> None:
        now, marks = self._tier.now(), self._tier.invalidations
        for uri in invalidated_uris(head, reply.head, self._tier.settings.sites):
            marks.mark(f"uri:{uri}", now)
        for group in invalidated_groups(head, reply.head):
            marks.mark(f"group:{head.authority}:{group}", now)

    async def forward_head(self, question: Question) -> Answer:
        """Forward a HEAD; what it says freshens or invalidates each stored GET it could have chosen (9111 §4.3.5).

        Not those that an order or an unsafe request has made invalid: a HEAD is no validation (§4.4).
        """
        asked = await self._ask(question)
        if isinstance(asked, Answer):
            return asked
        reply, when, made = asked
        self.update_stored(question, reply, when)
        return await self.pass_on(question, Passed(reply, ""), made)

    def update_stored(self, question: Question, reply: Reply, when: When) -> StoredResponse | None:
        """What a HEAD makes of the stored GETs; the one that answers it, where it has been freshened."""
        mark, request_time, _ = when
        first: StoredResponse | None = None
        for stored in question.good:
            freshened = freshen_by_head(stored, reply.head, request_time, self._tier.now())
            if freshened is None:
                self._tier.invalidations.mark(f"uri:{stored.uri}", self._tier.now())
            elif freshened is not stored:
                freshened = replace(freshened, mark=mark)
                if not is_never_stored(question.head):
                    self._tier.store.keep(freshened, {})
                first = freshened if stored == question.good[0] else first
        return first

    def failed(self, question: Question, landed: Failed) -> Answer | frozenset[str]:
        """No usable response: a stored one where stale is allowed (RFC 9111 §4.2.4), else the failure."""
        selected = self._tier.judged_again(question.selected)
        outcome = decide_failure(question.head, selected, self._tier.now(), question.policy)
        if isinstance(outcome, ServeStale):
            return self._answering.stale(question, outcome.reuse, landed.head.status if landed.head else None)
        return frozenset() if landed.error is None else self._answering.failure(question, landed.error)

    async def forward_alone(self, question: Question, detail: str = "not-collapsible") -> Answer:
        """Forward a request that could not share a fetch, with its own conditions and range; `detail` says why."""
        asked = await self._ask(question)
        if isinstance(asked, Answer):
            return asked
        reply, _, made = asked
        is_part = reply.head.status == 206 and "range" in question.head.fields
        if is_part and self._is_unread(question, reply):
            # A part of a coding that the client cannot read is of no use to it, and a part cannot be decoded.
            await reply.close()
            whole = replace(question.head, fields=question.head.fields.without({"range", "if-range"}))
            question = replace(question, incoming=replace(question.incoming, head=whole))
            return await self.forward_alone(question, detail)
        return await self.pass_on(question, Passed(reply, detail), made)

    def _is_unread(self, question: Question, reply: Reply) -> bool:
        """Whether the client of a GET or HEAD cannot read what came, and could if it were decoded."""
        tier = self._tier
        if tier.wiring.trusts_peers or question.decision.reason in (
            ForwardReason.BYPASS,
            ForwardReason.METHOD,
        ):
            return False
        return is_unread(question.head, reply.head, tier.settings.coding)

    async def _ask(self, question: Question) -> tuple[Reply, When, Mapping[str, str]] | Answer:
        """What the next hop says; where it fails, what is stored if stale is allowed (RFC 5861 §4)."""
        failure: NextHopError | None = None
        incoming, made = self._as_received(question.incoming, question.key.key)
        try:
            reply, when = await self._asking.current(
                question, lambda mark: self._asking.send(incoming, question.key.key, mark)
            )
            if reply.head.status not in FAILURES:
                return reply, when, made
        except NextHopError as error:
            failure = error
        selected = self._tier.judged_again(question.selected)
        outcome = decide_failure(question.head, selected, self._tier.now(), question.policy)
        if failure is not None:
            if isinstance(outcome, ServeStale):
                return self._answering.stale(question, outcome.reuse, None)
            return self._answering.failure(question, failure)
        if isinstance(outcome, ServeStale):
            await reply.close()
            return self._answering.stale(question, outcome.reuse, reply.head.status)
        return reply, when, made

    def pass_piece(self, question: Question, landed: Passed) -> Answer | None:
        """The answer with octets of a 206 that came for a piece and is not stored; None where it lacks some of them."""
        reply = landed.reply
        part = part_of_piece(question.head, reply.head, self._tier.now())
        if part is None or self._is_unread(question, reply):
            return None
        handling = self._handling(question, reply, landed.detail)
        head = passed_head(part_head(reply.head, part), handling, self._answering.context())
        first, end = part.span
        rest = self._asking.rest_of_passed(question, reply)
        body = PassedBody(reply, rest, (first - part.sent_from, end - part.sent_from))
        return Answer(head, body, end - first, handling)

    async def pass_on(self, question: Question, landed: Passed, made: Mapping[str, str] = NOTHING) -> Answer:
        """The answer that streams a reply to the one client that asked; `made` has the tags that it named.

        What that client cannot read is decoded on its way.
        """
        reply, context = landed.reply, self._answering.context()
        handling = self._handling(question, reply, landed.detail)
        head, coding = as_named(reply.head, made), self._tier.settings.coding
        rest = self._asking.rest_of_passed(question, reply)
        if reply.head.status != 200 or not self._is_unread(question, reply):
            if context.to_clients and handling.served is not Served.BYPASS:
                head = passed_varying(head, coding)
            return Answer(
                passed_head(head, handling, context), PassedBody(reply, rest), reply.length, handling
            )
        decoded = passed_head(passed_decoded(head), handling, context)
        body = DecodedBody(reply, rest, coding.decoded_largest, self._tier.coder.threads)
        if question.head.method == "HEAD" or await body.is_coded():
            return Answer(decoded, body, None, handling)
        head = passed_head(passed_varying(head, coding), handling, context)
        return Answer(head, UndecodedBody(body), reply.length, handling)

    def _handling(self, question: Question, reply: Reply, detail: str) -> Handling:
        decision = question.decision
        bypassed = decision.reason in (ForwardReason.BYPASS, ForwardReason.METHOD)
        return Handling(
            Served.BYPASS if bypassed else Served.MISS,
            fwd=decision.reason,
            fwd_status=reply.head.status,
            key=question.key.key,
            detail=detail or decision.detail,
        )
