"""One request, from its head to its answer: does what the rules decide, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import assert_never

from httpcache import clock
from httpcache.fetch.collapse import Joined
from httpcache.messages import PurgeMark, RequestHead, StoredResponse
from httpcache.observe import metrics
from httpcache.rules.cache_key import CacheKey, cache_key, policy_for
from httpcache.rules.collapsing import Apart, Going, Sharing, Way, decide_way, is_never_stored, is_own_wish
from httpcache.rules.decisions import (
    Candidate,
    Forward,
    ForwardReason,
    GatewayTimeout,
    Refusal,
    Reuse,
    ReuseDecision,
    Standing,
    Validate,
)
from httpcache.rules.forwarding import is_loop
from httpcache.rules.partial import as_whole
from httpcache.rules.reuse import decide_reuse
from httpcache.serve.answering import Answering
from httpcache.serve.asking import Asking
from httpcache.serve.bodies import StoredContent
from httpcache.serve.exchange import Answer, Incoming
from httpcache.serve.heading import Heading
from httpcache.serve.landing import Failed, Headed, Landed, Passed, Piece, Stored
from httpcache.serve.passing import Passing
from httpcache.serve.pieced import Pieces
from httpcache.serve.question import Question
from httpcache.serve.refreshing import Refreshing
from httpcache.serve.tier import Tier
from httpcache.serve.transcoding import TranscodedContent
from httpcache.serve.waiting import Waiting
from httpcache.settings import SitePolicy

ATTEMPTS = 3
"""Times a request may find that what it waited for does not serve it, before it goes forward by itself."""


class Transactions:
    """Answers the requests of one worker."""

    def __init__(self, tier: Tier) -> None:
        self._tier = tier
        self._asking = Asking(tier)
        self._answering = Answering(tier)
        self._waiting = Waiting(tier)
        self._pieces = Pieces(tier, self._asking, self._waiting)
        self._passing = Passing(tier, self._asking, self._answering)
        self._heading = Heading(tier, self._asking, self._waiting, self._passing, self._answering)
        self._refreshing = Refreshing(tier, self._asking, self._pieces)

    async def answer(self, incoming: Incoming) -> Answer:
        """The answer to one request. Never raises for what a client, a next hop or a store may do."""
        tier, head = self._tier, incoming.head
        if is_loop(head.fields, tier.identity):
            return self._answering.refusal(Refusal(508, "loop"))
        policy = policy_for(tier.settings.sites, head.authority, head.target)
        if head.method not in ("GET", "HEAD"):
            return await self._passing.forward(incoming, ForwardReason.METHOD, policy)
        if policy.bypass or incoming.content is not None:
            return await self._passing.forward(incoming, ForwardReason.BYPASS, policy)
        if tier.refuses:
            return self._answering.refusal(Refusal(503, Standing.CUT_OFF.value))
        return await self._look_up(incoming, cache_key(head, policy), policy)

    @property
    def answering(self) -> Answering:
        """What makes the answers."""
        return self._answering

    def refuse(self, refusal: Refusal) -> Answer:
        """The answer to what never became a request."""
        return self._answering.refusal(refusal)

    async def drain(self) -> None:
        """Wait for what goes on after answers: bodies that arrive, background validations, coded forms."""
        await self._refreshing.drain()
        await self._asking.drain()
        await self._tier.coder.settle()

    async def _look_up(self, incoming: Incoming, key: CacheKey, policy: SitePolicy) -> Answer:
        head, since = incoming.head, clock.monotonic()
        peer = await self._behind(head)
        names: frozenset[str] = frozenset()
        for attempt in range(ATTEMPTS):
            decision, candidates = self._decide(head, key, policy, behind=peer is not None)
            match decision:
                case Reuse():
                    if decision.refresh and not is_never_stored(head):
                        self._refreshing.start(incoming, key, policy, decision.stored)
                    answer = self._answering.reuse(head, decision, key)
                    if await self._stands(answer, incoming):
                        return answer
                case GatewayTimeout():
                    return self._answering.refusal(Refusal(504, decision.detail), key.key)
                case Validate() | Forward():
                    question = Question(incoming, key, policy, decision, tuple(candidates), peer, since)
                    if head.method == "GET":
                        question = self._pieces.prepared(question)
                    going = self._going(question, names, is_last=attempt == ATTEMPTS - 1)
                    if going.way is Way.AS_SENT and head.method == "HEAD":
                        return await self._passing.forward_head(question)
                    if going.way is Way.AS_SENT:
                        return await self._passing.forward_alone(question, going.detail)
                    ask = self._heading.answer if head.method == "HEAD" else self._ask
                    came = await ask(question, names, going.way)
                    if not isinstance(came, Answer):
                        names |= came
                    elif await self._stands(came, incoming):
                        return came
                case _:
                    assert_never(decision)
        # Every attempt found octets that were lost the moment after: ask as if nothing were stored.
        return await self._passing.forward_alone(Question(incoming, key, policy, Forward(ForwardReason.MISS)))

    def _going(self, question: Question, names: frozenset[str], *, is_last: bool) -> Going:
        """How a request goes to the next hop. It waits for others' fetches a few times at the most."""
        going = decide_way(
            question.head, question.selected, partial(self._waiting.is_apart, question.key.key)
        )
        if going.way is Way.TOGETHER and is_last:
            going = Going(Way.BY_ITSELF)
        if going.way is Way.BY_ITSELF and question.validate is None and question.head.method == "GET":
            # One at a time is stored, so that the next find it. The others do not wait for that.
            if self._tier.collapser.is_under_way(question.flight_key(names)):
                return Going(Way.AS_SENT, "not-collapsible")
            return Going(Way.TOGETHER)
        return going

    async def _behind(self, head: RequestHead) -> PurgeMark | None:
        """How far the tier that asks has followed the purge log, if this one does not get there within a while."""
        if not self._tier.wiring.trusts_peers:
            return None
        text = head.fields.get("edgeward-purge-mark")
        mark = read_mark(text) if text else None
        return None if mark is None or await self._tier.reached(mark) else mark

    def _decide(
        self, head: RequestHead, key: CacheKey, policy: SitePolicy, *, behind: bool
    ) -> tuple[ReuseDecision, list[Candidate]]:
        store, now = self._tier.store, self._tier.now()
        candidates = self._candidates(store.look_up(key.key), behind)
        decision = self._answering.read(head, decide_reuse(head, candidates, now, policy))
        if not isinstance(decision, Reuse) and store.is_remembered(key.key):
            # Another worker of this node may have written since this one last read.
            deeper = store.look_deeper(key.key)
            if deeper != tuple(candidate.stored for candidate in candidates):
                candidates = self._candidates(deeper, behind)
                decision = self._answering.read(head, decide_reuse(head, candidates, now, policy))
        return decision, candidates

    def _candidates(self, stored: tuple[StoredResponse, ...], behind: bool) -> list[Candidate]:
        candidates = [self._tier.candidate(one) for one in stored]
        if behind:
            candidates = [
                replace(one, standing=one.standing.or_worse(Standing.UNPROVEN)) for one in candidates
            ]
        return candidates

    async def _stands(self, answer: Answer, incoming: Incoming) -> bool:
        """Whether an answer's stored octets can be read, and no order has come meanwhile that covers them.

        Where they are lost, what named them has been forgotten. From here on, the next hop is asked for what is.
        """
        body = answer.body
        if not isinstance(body, StoredContent | TranscodedContent):
            return True
        if not await body.is_there() or self._tier.is_overtaken(body.stored):
            return False
        content = body.content if isinstance(body, TranscodedContent) else body
        if isinstance(content, StoredContent) and content.is_as_received:
            stored = content.stored
            rest = self._asking.rest(incoming, stored, stored.forms[0].length)
            content.goes_on = rest.octets_of if rest is not None else None
        return True

    async def _ask(self, question: Question, names: frozenset[str], way: Way) -> Answer | frozenset[str]:
        """The answer, or, when what landed does not serve this request, the names of the fields it varies by."""
        flight_key: object = question.flight_key(names)
        if way is Way.BY_ITSELF:
            flight_key = flight_key, object()  # which nobody else has
        joined = await self._tier.collapser.join(
            flight_key, lambda flight: self._asking.lead(question, flight_key, flight)
        )
        if not joined.led:
            metrics.COLLAPSED.labels(joined.outcome).inc()
        match joined.landing:
            case Stored() | Piece() as landed:
                return self._landed(question, landed, flight_key, joined)
            case Passed() as landed:
                if landed.apart is not None:
                    self._waiting.keep_apart(question.key.key, landed.apart)
                if joined.led:
                    if landed.is_piece:
                        return await self._pass_piece(question, landed)
                    return await self._passing.pass_on(question, landed)
                if landed.apart is not Apart.EVERYONE and landed.reply.head.status < 500:
                    return (
                        frozenset()
                    )  # it says nothing of this one, or this one knows now that it is not to wait
            case Failed() as landed:
                return self._passing.failed(question, landed)
            case Headed() | None:
                pass
            case _:
                assert_never(joined.landing)
        return await self._passing.forward_alone(question)

    async def _pass_piece(self, question: Question, landed: Passed) -> Answer | frozenset[str]:
        """Answer with a piece that is not stored, where all that is wanted is in it; else ask for just that."""
        answer = self._passing.pass_piece(question, landed)
        if answer is not None:
            return answer
        await landed.reply.close()
        if landed.apart is Apart.RANGES and "range" not in question.head.fields:
            return frozenset()  # the whole can be asked for, and stored
        return await self._passing.forward_alone(question, landed.detail)

    def _landed(
        self, question: Question, landed: Stored | Piece, flight_key: object, joined: Joined[Landed]
    ) -> Answer | frozenset[str]:
        """Answer with what landed, if it may answer this request too (RFC 9111 §4, collapsed requests)."""
        tier, varies = self._tier, frozenset(name for name, _ in landed.stored.selecting)
        candidate = tier.candidate(landed.stored)
        if tier.is_overtaken(landed.stored):
            # 1. the fetch began; 2. an order came that covers it, or the log was lost; 3. the response landed: whatever
            # the order wanted gone may be in it, so nobody gets it, and whoever comes next starts a fetch of its own.
            tier.collapser.close(flight_key, joined.flight)
            return varies
        if not joined.led:
            if candidate.standing is Standing.CUT_OFF:
                # It comes from the next hop just now: that is as good as validated.
                candidate = Candidate(landed.stored)
            if isinstance(landed, Piece):
                candidate = replace(candidate, stored=as_whole(landed.stored))  # what lacks can be fetched
            decision = decide_reuse(question.head, [candidate], tier.now(), question.policy)
            sharing = self._waiting.sharing(question, candidate, decision, joined.flight)
            if sharing is Sharing.LATE and not is_own_wish(decision):
                # What still arrives is good for those who had come before it was asked: all others ask anew, together.
                tier.collapser.close(flight_key, joined.flight)
            if sharing is not Sharing.TAKES:
                return varies  # those who want another variant wait for each other from now on
            if landed.arriving is not None and not landed.arriving.may_be_joined:
                return varies
        if isinstance(landed, Piece):
            return self._answering.pieced(question, landed, self._pieces, led=joined.led)
        answer = self._answering.landed(question, landed, led=joined.led)
        if answer.body == b"" and not joined.flight.waiting:
            self._asking.is_answered_without(landed)
        return answer


def read_mark(text: str) -> PurgeMark | None:
    """The mark "<epoch>.<n>" of a tier's request; None when it is not one."""
    epoch, dot, n = text.partition(".")
    if not (dot and epoch.isascii() and epoch.isdigit() and n.isascii() and n.isdigit() and len(text) < 40):
        return None
    return PurgeMark(int(epoch), int(n))
