"""The part of the purge API by which nodes follow the log: the feed, acknowledgements, and answers to dry orders."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from httpcache.messages import PurgeMark
from httpcache.purge.acks import read_acks
from httpcache.purge.answering import bearer, read_body, read_number, refuse
from httpcache.purge.keeper import LogKeeper
from httpcache.purge.matches import read_answer
from httpcache.purge.noting import noted
from httpcache.purge.problems import Problem
from httpcache.purge.receipts import MOST_WORKERS
from httpcache.purge.tokens import NodeClaims

Told = TypeVar("Told")
"""What a node tells in a body."""


@dataclass(slots=True)
class _Open:
    """A feed that is open. Once it has ended for us, its stream ends too."""

    request: web.Request
    has_ended: bool = False

    @property
    def is_connected(self) -> bool:
        return self.request.transport is not None and not self.request.transport.is_closing()


class FeedApi:
    """The routes of the node that keeps the log."""

    def __init__(self, keeper: LogKeeper) -> None:
        self._keeper = keeper
        self._open: dict[tuple[str, int], _Open] = {}

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/v1/feed", self.follow)
        app.router.add_post("/v1/feed/acks", self.acknowledge)
        app.router.add_post("/v1/feed/matches", self.matches)

    def follows(self, node: str) -> bool:
        """Whether any worker of a node follows the log now: here, or by what it tells on a bus."""
        ledger, now = self._keeper.ledger, self._keeper.now()
        if self._keeper.is_mirror:
            return ledger.present(now).get(node, False)
        return any(name == node and self._is_alive(name, index) for name, index in self._open)

    def _is_alive(self, node: str, index: int) -> bool:
        is_heard = self._keeper.ledger.is_heard(node, index, self._keeper.now())
        return is_heard and self._open[node, index].is_connected

    async def follow(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/feed?after=EPOCH.N: signed lines for one worker, for as long as it listens."""
        claims = await self._node(request, b"")
        if isinstance(claims, Problem):
            return refuse(claims)
        asked = request.query.get("after", "0.0")
        epoch, _, number = asked.partition(".")
        after = PurgeMark(read_number(epoch) or 0, read_number(number) or 0)
        is_signed = claims.after == asked  # else anybody may have written it, and it proves nothing
        problem = self._second(claims) or (await self._lost(claims, after) if is_signed else None)
        if problem is not None:
            return refuse(problem)
        return await self._stream(request, claims, after, is_signed=is_signed)

    async def _stream(
        self, request: web.Request, claims: NodeClaims, after: PurgeMark, *, is_signed: bool
    ) -> web.StreamResponse:
        keeper, ledger, worker = self._keeper, self._keeper.ledger, (claims.sub, claims.worker)
        if worker in self._open:
            self._open[worker].has_ended = True
        mine = self._open[worker] = _Open(request)
        is_changed = ledger.register(claims.sub, claims.workers, keeper.now())
        applied = after.n if is_signed and after.epoch == ledger.epoch else 0
        ledger.feed_opened(claims.sub, claims.worker, applied, keeper.now())
        response = web.StreamResponse(
            headers={"Content-Type": "application/jose-seq", "Cache-Control": "no-store"}
        )
        try:
            if is_changed:
                await keeper.save()  # before it hears an order: a receipt must name it after any crash
            with contextlib.suppress(ConnectionError, TimeoutError):
                await response.prepare(request)
                await keeper.feed.stream(
                    response, after, claims.nonce, lambda: mine.has_ended or not ledger.knows(claims.sub)
                )
        finally:
            if self._open.get(worker) is mine:
                del self._open[worker]
            ledger.feed_closed(claims.sub, claims.worker, keeper.now())
        return response

    def _second(self, claims: NodeClaims) -> Problem | None:
        """What is wrong with a feed beside another of the same worker: two nodes with one name and key."""
        older = self._open.get((claims.sub, claims.worker))
        if older is None or not self._is_alive(claims.sub, claims.worker):
            return None
        reason = f"{claims.sub}/{claims.worker} follows already from {older.request.remote}"
        return Problem(409, "worker-follows", f"{reason}: has its data folder been copied to another node?")

    async def _lost(self, claims: NodeClaims, after: PurgeMark) -> Problem | None:
        """None when the log has what the worker has applied, or has begun anew because it has not."""
        if await self._keeper.goes_on_from(after, claims.sub):
            return None
        return Problem(409, "log-behind", "The log has lost orders that the node has applied.")

    async def acknowledge(self, request: web.Request) -> web.Response:
        """POST /v1/feed/acks: how far workers of one node have durably applied the log."""
        came = await self._told(request, read_acks)
        if isinstance(came, Problem):
            return refuse(came)
        claims, acks = came
        ledger, end = self._keeper.ledger, self._keeper.door.log.end
        if acks.epoch == ledger.epoch == end.epoch:
            for ack in acks.workers:
                ledger.acknowledge(claims.sub, ack.worker, min(ack.n, end.n), self._keeper.now())
        return web.Response(status=204)

    async def matches(self, request: web.Request) -> web.Response:
        """POST /v1/feed/matches: what a worker found for a dry order."""
        came = await self._told(request, read_answer)
        if isinstance(came, Problem):
            return refuse(came)
        claims, answer = came
        self._keeper.counting.answer(claims.sub, answer)
        return web.Response(status=204)

    async def _told(
        self, request: web.Request, read: Callable[[bytes], Told | Problem]
    ) -> tuple[NodeClaims, Told] | Problem:
        """What a node tells, and which node it is."""
        body = await read_body(request)
        if isinstance(body, Problem):
            return body
        claims = await self._node(request, body)
        if isinstance(claims, Problem):
            return claims
        content = read(body)
        return content if isinstance(content, Problem) else (claims, content)

    async def _node(self, request: web.Request, body: bytes) -> NodeClaims | Problem:
        token = bearer(request)
        if isinstance(token, Problem):
            return token
        gate = self._keeper.gate
        claims = await noted.get().looked_at(lambda: gate.node(token, body, request.remote))
        if isinstance(claims, NodeClaims) and not 0 <= claims.worker < claims.workers <= MOST_WORKERS:
            return Problem(
                401, "claim-malformed", f"`worker` is below `workers`, which is at most {MOST_WORKERS}."
            )
        return claims
