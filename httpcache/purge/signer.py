"""Who signed a request that changes something, directly or handed on by a node."""

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
    relayed = request.headers.get(NODE_FIELD)
    if relayed is not None:
        node = await gate.node(relayed, body, request.remote)
        if isinstance(node, Problem):
            return node
    signer = await gate.operator(token, body)
    if not isinstance(signer, Problem):
        noted.get().who = signer[1].name
    return signer
