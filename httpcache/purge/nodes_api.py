"""The part of the purge API that is about nodes: which there are, and retiring one that has left for good."""

from __future__ import annotations

import logging

import msgspec
from aiohttp import web

from httpcache.purge.answering import read_body, refuse
from httpcache.purge.keeper import LogKeeper
from httpcache.purge.problems import Problem
from httpcache.purge.signer import operator_of, refusal_of

log = logging.getLogger("edgeward.purge")


class Retirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of POST /v1/nodes/retire."""

    node: str


class NodesApi:
    """The routes of the node that keeps the log."""

    def __init__(self, keeper: LogKeeper) -> None:
        self._keeper = keeper

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/v1/nodes", self.nodes)
        app.router.add_post("/v1/nodes/retire", self.retire)

    async def nodes(self, request: web.Request) -> web.Response:
        """GET /v1/nodes: every node that follows, or has followed, the log."""
        refused = await refusal_of(request, self._keeper.gate)
        if refused is not None:
            return refuse(refused)
        purge_log, now = self._keeper.door.log, self._keeper.now()
        told = {"epoch": purge_log.epoch, "newest": purge_log.newest, "now": round(now, 3)}
        return web.json_response({**told, "nodes": self._keeper.ledger.nodes(now)})

    async def retire(self, request: web.Request) -> web.Response:
        """POST /v1/nodes/retire: no receipt waits for the node any more, and its name is free."""
        body = await read_body(request)
        if isinstance(body, Problem):
            return refuse(body)
        problem = await self._may_retire(request, body)
        if problem is not None:
            return refuse(problem)
        try:
            node = msgspec.json.decode(body, type=Retirement).node
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return refuse(Problem(400, "retirement-malformed", f"The body names no node: {error}."))
        if node == self._keeper.settings.node_name:
            return refuse(Problem(409, "node-keeps-log", "The node that keeps the log cannot be retired."))
        try:
            known = await self._keeper.retire(node)
        except OSError as error:
            log.error("a node could not be retired: %s", error)
            return refuse(Problem(503, "nodes-unwritable", "The file of the nodes' keys cannot be written."))
        if not known:
            return refuse(Problem(404, "node-unknown", "No node of that name has followed the log."))
        return web.json_response({"retired": node})

    async def _may_retire(self, request: web.Request, body: bytes) -> Problem | None:
        """None for an operator whose token nothing narrows, and that has not been used."""
        signer = await operator_of(request, body, self._keeper.gate)
        if isinstance(signer, Problem):
            return signer
        claims, key = signer
        if claims.is_narrowed:
            return Problem(
                403, "right-missing", "The token does not carry the right 'nodes': it is narrowed."
            )
        is_new = await self._keeper.door.run(self._keeper.door.log.use, key.name, claims.jti, claims.exp)
        return None if is_new else Problem(401, "token-replayed", "A token with that `jti` has been used.")
