"""HEAD requests that what is stored does not answer: one under way for all who want the same head."""

from __future__ import annotations

from dataclasses import replace

from httpcache.fetch.collapse import Flight, Joined, Outcome
from httpcache.fetch.failures import NextHopError
from httpcache.fetch.next_hop import Reply
from httpcache.messages import Form
from httpcache.observe import metrics
from httpcache.rules.collapsing import Apart, Sharing, Way
from httpcache.rules.decisions import (
    Candidate,
    DoNotStore,
    ServeStale,
    Standing,
)
from httpcache.rules.forwarding import for_storing
from httpcache.rules.partial import as_whole
from httpcache.rules.reuse import decide_reuse
from httpcache.rules.storing import decide_storing
from httpcache.rules.validation import FAILURES, decide_failure
from httpcache.serve.answering import Answering
from httpcache.serve.asking import Asking, When
from httpcache.serve.exchange import Answer
from httpcache.serve.keeping import Came, to_store
from httpcache.serve.landing import Failed, Headed, Landed, Passed
from httpcache.serve.passing import Passing
from httpcache.serve.question import Question
from httpcache.serve.tier import Tier
from httpcache.serve.waiting import Waiting


class Heading:
    """Asks for heads on behalf of one tier. Nothing of them is stored but what they say of stored GETs."""

    def __init__(
        self, tier: Tier, asking: Asking, waiting: Waiting, passing: Passing, answering: Answering
    ) -> None:
        self._tier = tier
        self._asking = asking
        self._waiting = waiting
        self._passing = passing
        self._answering = answering

    async def answer(self, question: Question, names: frozenset[str], way: Way) -> Answer | frozenset[str]:
        """The answer, or, when what landed does not serve this request, the names of the fields it varies by."""
        shared = ("HEAD", question.flight_key(names))
        flight_key: object = (*shared, object()) if way is Way.BY_ITSELF else shared
        joined = await self._tier.collapser.join(
            flight_key, lambda flight: self._lead(question, flight_key, flight)
        )
        if not joined.led:
            metrics.COLLAPSED.labels(joined.outcome).inc()
        match joined.landing:
            case Headed() as landed:
                return self._landed(question, landed, joined)
            case Passed() as landed:
                if landed.tells_of_the_next:
                    self._waiting.keep_apart(question.key.key, Apart.HEADS)
                if joined.led:
                    return await self._passing.pass_on(question, landed)
            case Failed() as landed:
                return self._passing.failed(question, landed)
            case _:
                pass
        return await self._passing.forward_head(question)

    async def _lead(
        self, question: Question, flight_key: object, flight: Flight[Landed]
    ) -> tuple[Outcome, Landed]:
        """One HEAD, without the client's own conditions: these are evaluated on what it brings."""
        question.note_asking(flight)
        incoming = replace(question.incoming, head=for_storing(question.head))
        try:
            reply, when = await self._asking.current(
                question, lambda mark: self._asking.send(incoming, question.key.key, mark)
            )
        except NextHopError as error:
            return Outcome.FAILED, Failed(error)
        if reply.head.status in FAILURES:
            selected = self._tier.judged_again(question.selected)
            outcome = decide_failure(question.head, selected, when[2], question.policy)
            if isinstance(outcome, ServeStale):
                await reply.close()
                return Outcome.FAILED, Failed(None, reply.head)
        freshened = self._passing.update_stored(question, reply, when)
        landed = (
            Headed(freshened, reply.head.status) if freshened is not None else _new(question, reply, when)
        )
        if isinstance(landed, Passed):
            return Outcome.NOT_STORABLE, landed
        await reply.close()
        self._tier.collapser.close(flight_key, flight)
        return Outcome.SHARED, landed

    def _landed(self, question: Question, landed: Headed, joined: Joined[Landed]) -> Answer | frozenset[str]:
        """Answer with a head that came, if what it is the head of may answer this request too."""
        varies = frozenset(name for name, _ in landed.stored.selecting)
        candidate = self._tier.candidate(landed.stored)
        if candidate.standing in (Standing.SOFT, Standing.GONE):
            return varies
        if not joined.led:
            whole = Candidate(as_whole(landed.stored) if landed.stored.forms else landed.stored)
            decision = decide_reuse(question.head, [whole], self._tier.now(), question.policy)
            if self._waiting.sharing(question, candidate, decision, joined.flight) is not Sharing.TAKES:
                return varies
        return self._answering.headed(question, landed, led=joined.led)


def _new(question: Question, reply: Reply, when: When) -> Headed | Passed:
    """The head of what a GET would bring now; of what may not be stored, it is for one client alone."""
    came = Came(reply, *when)
    asked = replace(question.head, method="GET")
    decision = decide_storing(asked, reply.head, came.response_time, question.policy)
    if isinstance(decision, DoNotStore):
        return Passed(reply, decision.reason)
    stored = to_store(question, came, decision, reply.head.status, Form("", "", reply.length))
    return Headed(stored, reply.head.status, decision.unshared)
