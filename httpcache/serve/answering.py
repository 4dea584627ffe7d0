"""Makes answers of stored responses, of responses that are still arriving, and of failures."""

from __future__ import annotations

import secrets
from dataclasses import replace

from httpcache.fetch.arriving import ArrivingBody
from httpcache.fetch.failures import NextHopError
from httpcache.messages import RequestHead, StoredResponse
from httpcache.rules import answers
from httpcache.rules.cache_control import parse_request_directives
from httpcache.rules.cache_key import CacheKey
from httpcache.rules.content_coding import is_unread
from httpcache.rules.decisions import (
    Forward,
    ForwardReason,
    GatewayTimeout,
    Handling,
    Refusal,
    Reuse,
    ReuseDecision,
    Served,
)
from httpcache.rules.freshness import current_age, time_to_live
from httpcache.rules.partial import as_whole, is_partial
from httpcache.serve.bodies import ArrivingContent, StoredContent
from httpcache.serve.exchange import Answer
from httpcache.serve.forms import Forms
from httpcache.serve.landing import Headed, Piece, Stored
from httpcache.serve.pieced import PiecedContent, Pieces
from httpcache.serve.question import Question
from httpcache.serve.tier import Tier
from httpcache.serve.transcoding import TranscodedContent
from httpcache.serve.whole import WholeContent

Content = StoredContent | ArrivingContent | PiecedContent | WholeContent
"""Octets of a form as they stand, or come."""


def _boundary() -> str:
    """What stands between the parts of a multipart content; nobody can have put it into the content."""
    return secrets.token_hex(12)


class Answering:
    """Makes the answers of one tier."""

    def __init__(self, tier: Tier) -> None:
        self._tier = tier
        self.forms = Forms(tier)

    def context(self) -> answers.Context:
        """Who answers, whom, and when."""
        tier = self._tier
        return answers.Context(tier.identity, not tier.wiring.trusts_peers, tier.settings.coding, tier.now())

    def read(self, request: RequestHead, decision: ReuseDecision) -> ReuseDecision:
        """A decision on what is stored, unless that is a part whose coding the client cannot read: all is needed."""
        if (
            not isinstance(decision, Reuse)
            or not is_partial(decision.stored)
            or self._tier.wiring.trusts_peers
        ):
            return decision
        if not is_unread(request, decision.stored.head, self._tier.settings.coding):
            return decision
        only_if_cached = parse_request_directives(request.fields).only_if_cached
        return GatewayTimeout() if only_if_cached else Forward(ForwardReason.PARTIAL)

    def reuse(self, request: RequestHead, reuse: Reuse, key: CacheKey) -> Answer:
        """Answer with a stored response, without asking."""
        handling = answers.reused_handling(reuse, key.key)
        return self._from_stored(request, reuse.stored, reuse.age, handling)

    def stale(self, question: Question, reuse: Reuse, fwd_status: int | None) -> Answer:
        """Answer with a stored response because the next hop failed."""
        handling = Handling(
            Served.STALE,
            fwd=question.decision.reason,
            fwd_status=fwd_status,
            ttl=reuse.ttl,
            key=question.key.key,
            detail=reuse.detail,
        )
        return self._from_stored(question.head, reuse.stored, reuse.age, handling)

    def landed(self, question: Question, landed: Stored, *, led: bool) -> Answer:
        """Answer with what a fetch has brought, to the request that led it or to one that waited."""
        freshened = landed.arriving is None and landed.whole is None
        handling = self._brought(question, landed, led=led)
        if freshened:
            handling = replace(handling, served=Served.REVALIDATED, stored=False)
        stored, told = self._told(landed, led=led, is_proven=freshened)
        if landed.whole is not None:
            return self._whole(question.head, stored, landed.whole, told, handling)
        if landed.arriving is None:
            return self._from_stored(question.head, stored, told, handling)
        return self._arriving(question.head, stored, landed.arriving, told, handling)

    def pieced(self, question: Question, landed: Piece, pieces: Pieces, *, led: bool) -> Answer:
        """Answer with a representation that is held in part, beginning with a piece that is arriving."""
        handling = self._brought(question, landed, led=led)
        stored, told = self._told(landed, led=led, is_proven=not landed.is_new)
        stored = as_whole(stored)  # what lacks comes piece by piece
        form = stored.forms[0]
        composed = answers.compose(question.head, stored, told, handling, self.context(), _boundary)
        if composed.is_empty or question.head.method == "HEAD":
            return Answer(composed.head, b"", composed.length, handling)
        octets = composed if composed.form.body_id else answers.whole_of(form, composed.head)
        content = PiecedContent(pieces, question, landed, octets)
        return Answer(composed.head, self._readable(stored, composed, content), composed.length, handling)

    def headed(self, question: Question, landed: Headed, *, led: bool) -> Answer:
        """Answer a HEAD as a GET would be answered with what a HEAD has told of."""
        handling = Handling(
            Served.MISS if led else Served.COLLAPSED,
            fwd=question.decision.reason,
            fwd_status=landed.fwd_status,
            collapsed=not led,
            key=question.key.key,
            detail=question.decision.detail,
        )
        stored, told = self._told(landed, led=led, is_proven=False)
        composed = answers.compose(question.head, stored, told, handling, self.context(), _boundary)
        return Answer(composed.head, b"", composed.length, handling)

    def _brought(self, question: Question, landed: Stored | Piece, *, led: bool) -> Handling:
        return Handling(
            Served.MISS if led else Served.COLLAPSED,
            fwd=question.decision.reason,
            fwd_status=landed.fwd_status,
            stored=True,
            collapsed=not led,
            ttl=int(time_to_live(landed.stored, self._tier.now(), question.policy)),
            key=question.key.key,
            detail=question.decision.detail,
        )

    def _told(
        self, landed: Stored | Piece | Headed, *, led: bool, is_proven: bool
    ) -> tuple[StoredResponse, int | None]:
        """What landed as this client is told of it, and its age: none where it has just come without one."""
        stored, age = landed.stored, int(current_age(landed.stored, self._tier.now()))
        told = age if age > 0 or not led or is_proven or "age" in stored.fields else None
        if led and landed.unshared:
            stored = replace(stored, fields=stored.fields.adding(*landed.unshared))
        return stored, told

    def _arriving(
        self,
        request: RequestHead,
        stored: StoredResponse,
        arriving: ArrivingBody,
        age: int | None,
        handling: Handling,
    ) -> Answer:
        form = replace(stored.forms[0], length=arriving.length)
        composed = answers.compose(
            request, replace(stored, forms=(form,)), age, handling, self.context(), _boundary
        )
        if arriving.length and handling.collapsed:
            # What only one client has asked for is not coded: of most misses there is no second.
            whole = replace(form, held=((0, arriving.length),))  # as it will be once everything has come
            self.forms.answered(request, replace(stored, forms=(whole,)), composed.form, arriving)
        if composed.length == 0 or request.method == "HEAD":
            return Answer(composed.head, b"", composed.length, handling)
        content = ArrivingContent(arriving, composed)
        return Answer(composed.head, self._readable(stored, composed, content), composed.length, handling)

    def _whole(
        self, request: RequestHead, stored: StoredResponse, whole: bytes, age: int | None, handling: Handling
    ) -> Answer:
        composed = answers.compose(request, stored, age, handling, self.context(), _boundary)
        if handling.collapsed:
            self.forms.answered(request, stored, composed.form)
        if composed.is_empty or request.method == "HEAD":
            return Answer(composed.head, b"", composed.length, handling)
        if composed.form.body_id and not composed.parts:
            first, end = composed.spans[0]
            return Answer(composed.head, whole[first:end], composed.length, handling)
        content = WholeContent(whole, composed)
        return Answer(composed.head, self._readable(stored, composed, content), composed.length, handling)

    def _from_stored(
        self, request: RequestHead, stored: StoredResponse, age: int | None, handling: Handling
    ) -> Answer:
        composed = answers.compose(request, stored, age, handling, self.context(), _boundary)
        self.forms.answered(request, stored, composed.form)
        if composed.is_empty or request.method == "HEAD":
            return Answer(composed.head, b"", composed.length, handling)
        store = self._tier.store
        if not composed.form.body_id:
            content = StoredContent(store, stored, answers.whole_of(stored.forms[0], composed.head))
            return Answer(composed.head, self._readable(stored, composed, content), None, handling)
        whole = store.body(stored, composed.form)
        if whole is None or composed.parts:
            return Answer(composed.head, StoredContent(store, stored, composed), composed.length, handling)
        first, end = composed.spans[0]
        body = whole if end - first == len(whole) else whole[first:end]
        return Answer(composed.head, body, composed.length, handling)

    def _readable(
        self, stored: StoredResponse, composed: answers.Composed, content: Content
    ) -> Content | TranscodedContent:
        """Content, coded or decoded as it is sent where the client gets a form that is not stored."""
        if composed.form.body_id:
            return content
        return TranscodedContent(
            content, stored, composed.form, self._tier.settings.coding, self._tier.coder.threads
        )

    def refusal(self, refusal: Refusal, key: str = "") -> Answer:
        """The answer to a request that goes no further."""
        handling = answers.refused_handling(refusal, key)
        head, body = answers.failed(refusal, handling, self.context())
        return Answer(head, body, len(body), handling)

    def failure(self, question: Question, error: NextHopError) -> Answer:
        """The answer when the next hop failed and nothing stored may stand in."""
        detail = error.error.replace("_", "-")
        handling = Handling(Served.ERROR, fwd=question.decision.reason, key=question.key.key, detail=detail)
        refusal = Refusal(error.status, error.error)
        head, body = answers.failed(refusal, handling, self.context(), error.error, error.detail)
        return Answer(head, body, len(body), handling)
