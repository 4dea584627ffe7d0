"""The purge API of a node that does not keep the log: verified where it can be, and handed to the keeper."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from httpcache import clock
from httpcache.purge.answering import add_purge_method, bearer, read_body, refuse
from httpcache.purge.attempts import source_of
from httpcache.purge.batches import is_dry, parse_orders
from httpcache.purge.gate import Gate
from httpcache.purge.keys import node_key
from httpcache.purge.log_address import log_url
from httpcache.purge.noting import SHOWN, noted
from httpcache.purge.orders import LONGEST_WAIT, told
from httpcache.purge.problems import Problem
from httpcache.purge.tokens import node_token
from httpcache.settings import Settings

NODE_FIELD = "Edgeward-Node"
"""The field with the token of the node that hands an order on. The operator's own token goes with it: a node
cannot order anything by itself."""

PASSED_BACK = ("WWW-Authenticate", "Retry-After")
"""Fields of the keeper's answers that are the client's."""

CONNECT = 5.0
"""Longest wait for the keeper to accept a connection, in seconds."""


class Relay:
    """The routes of a node that does not keep the log. Raises KeyFault or OSError when its key cannot be used."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._key = node_key(folder, settings.node_name)
        self._gate = Gate(settings.purge, folder, self._key.public, clock.now)
        self._session: aiohttp.ClientSession | None = None

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_post("/v1/purges", self._order)
        app.router.add_get("/v1/purges", self._ask)
        app.router.add_get("/v1/nodes", self._ask)
        app.router.add_post("/v1/nodes/retire", self._order_as_it_is)
        app.router.add_get("/v1/purges/{id}", self._ask)
        add_purge_method(app, self._order)
        app.cleanup_ctx.append(self._open)

    async def _open(self, _: web.Application) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=LONGEST_WAIT + 10, connect=CONNECT)
        async with aiohttp.ClientSession(timeout=timeout) as self._session:
            yield

    async def _order(self, request: web.Request) -> web.Response:
        body = await read_body(request)
        if isinstance(body, Problem):
            return refuse(body)
        token = bearer(request)
        if isinstance(token, Problem):
            return refuse(token)
        problem = await self._fault(token, body)
        if problem is not None:
            return refuse(problem)
        return await self._hand_on(request, body)

    async def _order_as_it_is(self, request: web.Request) -> web.Response:
        """What only the keeper can judge."""
        body = await read_body(request)
        if isinstance(body, Problem):
            return refuse(body)
        token = bearer(request)
        return refuse(token) if isinstance(token, Problem) else await self._hand_on(request, body)

    async def _hand_on(self, request: web.Request, body: bytes) -> web.Response:
        answer = await self._pass(request, body)
        if answer.status < 300:
            limits = self._settings.purge
            parsed = parse_orders(body, limits.targets, limits.orders, dry=is_dry(body))
            if not isinstance(parsed, Problem):
                noted.get().orders = [told(order) for order in parsed[0][:SHOWN]]
        return answer

    async def _fault(self, token: str, body: bytes) -> Problem | None:
        """What is wrong with an order, as far as this node can tell: it may not have the operators' keys."""
        if not await asyncio.to_thread(self._gate.operators.keys):
            return None
        signer = await noted.get().looked_at(lambda: self._gate.operator(token, body))
        if isinstance(signer, Problem):
            return signer
        noted.get().who = signer[1].name
        limits = self._settings.purge
        parsed = parse_orders(body, limits.targets, limits.orders, dry=is_dry(body))
        if isinstance(parsed, Problem):
            return parsed
        return next(filter(None, map(signer[0].missing_for, parsed[0])), None)

    async def _ask(self, request: web.Request) -> web.Response:
        token = bearer(request)
        return refuse(token) if isinstance(token, Problem) else await self._pass(request, None)

    async def _pass(self, request: web.Request, body: bytes | None) -> web.Response:
        """What the keeper answers; it is told for which client this node asks, and that it is this node."""
        assert self._session is not None
        client = source_of(request.remote)
        mine = await asyncio.to_thread(node_token, self._key, body or b"", clock.now(), client=client)
        headers = {"Authorization": request.headers["Authorization"], NODE_FIELD: mine}
        if body is not None:
            headers["Content-Type"] = "application/json"
        method, path = request.method, request.rel_url.raw_path_qs
        if method == "PURGE":
            method, path = "POST", "/v1/purges"
        url = URL(log_url(self._settings) + path, encoded=True)
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return _passed_back(answer, await answer.read())
        except TimeoutError:
            return refuse(Problem(504, "log-silent", "The node that keeps the purge log does not answer."))
        except aiohttp.ClientError:
            return refuse(
                Problem(502, "log-unreachable", "The node that keeps the purge log cannot be reached.")
            )


def _passed_back(answer: aiohttp.ClientResponse, body: bytes) -> web.Response:
    """The keeper's answer, for whoever asked here; what came of the order is noted."""
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        document = {}
    about = noted.get()
    about.is_dry = document.get("dry") is True
    if answer.status >= 400:
        error, reason = str(document.get("error", "refused")), str(document.get("reason", ""))
        about.problem = Problem(answer.status, error, reason)
    elif isinstance(document.get("id"), str):
        about.id = document["id"]
    fields = {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}
    return web.Response(status=answer.status, body=body, content_type="application/json", headers=fields)
