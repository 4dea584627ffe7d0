"""Who signed a request, directly or handed on by a node."""

from __future__ import annotations

from aiohttp import web

from httpcache.purge.answering import bearer
from httpcache.purge.gate import Gate
from httpcache.purge.keys import PublicKey
from httpcache.purge.noting import noted
from httpcache.purge.problems import Problem
from httpcache.purge.relay import NODE_FIELD
from httpcache.purge.tokens import OrderClaims


async def operator_of(
    request: web.Request, body: bytes, gate: Gate
) -> tuple[OrderClaims, PublicKey] | Problem:
    """The claims of the operator's token, and whose key it was, or a 401 or 403; a node that hands on is proven too."""
    token = bearer(request)
    if isinstance(token, Problem):
        return token
    problem = await _handed_on(request, body, gate)
    if problem is not None:
        return problem
    signer = await noted.get().looked_at(lambda: gate.operator(token, body))
    if not isinstance(signer, Problem):
        noted.get().who = signer[1].name
    return signer


async def asker_of(request: web.Request, gate: Gate) -> OrderClaims | Problem | None:
    """Of who asks for what changes nothing: what an operator's token says, or None for a node; else what is wrong."""
    token = bearer(request)
    if isinstance(token, Problem):
        return token
    problem = await _handed_on(request, b"", gate)
    if problem is not None:
        return problem
    return await noted.get().looked_at(lambda: gate.anyone(token, request.remote))


async def _handed_on(request: web.Request, body: bytes, gate: Gate) -> Problem | None:
    """None when no node hands the request on, or one that is known and whose client is listened to."""
    relayed = request.headers.get(NODE_FIELD)
    if relayed is None:
        return None
    node = await noted.get().looked_at(lambda: gate.node(relayed, body, request.remote))
    return node if isinstance(node, Problem) else noted.get().handed_on(node.sub, node.client)
