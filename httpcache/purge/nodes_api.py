"""The part of the purge API that is about nodes: which there are, and retiring one that has left for good."""

from __future__ import annotations

import logging
from collections.abc import Callable

from aiohttp import web

from httpcache.purge.answering import bearer, read_body, refuse
from httpcache.purge.keeper import LogKeeper
from httpcache.purge.problems import Problem
from httpcache.purge.retirement import Retirement, read_retirement
from httpcache.purge.signer import asker_of, operator_of

log = logging.getLogger("edgeward.purge")


class NodesApi:
    """The routes of the node that keeps the log. `follows` tells of a node whether it follows the log now."""

    def __init__(self, keeper: LogKeeper, follows: Callable[[str], bool]) -> None:
        self._keeper = keeper
        self._follows = follows

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/v1/nodes", self.nodes)
        app.router.add_post("/v1/nodes/retire", self.retire)

    async def nodes(self, request: web.Request) -> web.Response:
        """GET /v1/nodes: every node that follows, or has followed, the log."""
        asker = await asker_of(request, self._keeper.gate)
        if isinstance(asker, Problem):
            return refuse(asker)
        purge_log, now = self._keeper.door.log, self._keeper.now()
        told = {"epoch": purge_log.epoch, "newest": purge_log.newest, "now": round(now, 3)}
        return web.json_response({**told, "nodes": self._keeper.ledger.nodes(now)})

    async def retire(self, request: web.Request) -> web.Response:
        """POST /v1/nodes/retire: no receipt waits for the node any more, and its name is free."""
        body = await read_body(request)
        if isinstance(body, Problem):
            return refuse(body)
        retirement = await self._wish(request, body)
        if isinstance(retirement, Problem):
            return refuse(retirement)
        node = retirement.node
        if node == self._keeper.settings.node_name:
            return refuse(Problem(409, "node-keeps-log", "The node that keeps the log cannot be retired."))
        if self._follows(node) and not retirement.force:
            reason = f"{node} follows the log, and would be named again: stop it first, or say force (true)."
            return refuse(Problem(409, "node-follows", reason))
        try:
            known = await self._keeper.retire(node, body, str(bearer(request)))
        except OSError as error:
            log.error("a node could not be retired: %s", error)
            return refuse(
                Problem(503, "nodes-unwritable", "It could not be written down that the node has left.")
            )
        if not known:
            return refuse(Problem(404, "node-unknown", "No node of that name has followed the log."))
        return web.json_response({"retired": node})

    async def _wish(self, request: web.Request, body: bytes) -> Retirement | Problem:
        """Whom an operator wants retired, with a token that has not been used."""
        signer = await operator_of(request, body, self._keeper.gate)
        if isinstance(signer, Problem):
            return signer
        claims, key = signer
        retirement = read_retirement(body, claims)
        if isinstance(retirement, Problem) and retirement.status == 403:
            return retirement
        is_new = await self._keeper.door.run(self._keeper.door.log.use, key.name, claims.jti, claims.exp)
        return (
            retirement if is_new else Problem(401, "token-replayed", "A token with that `jti` has been used.")
        )
