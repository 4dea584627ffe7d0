"""What nodes tell each other over a bus: a body, and the node's token that it is bound to."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import msgspec

from httpcache import clock
from httpcache.purge.bus import SLACK
from httpcache.purge.gate import Gate, is_node_token
from httpcache.purge.keys import PrivateKey
from httpcache.purge.problems import Problem
from httpcache.purge.retirement import read_retirement
from httpcache.purge.tokens import node_token, verify_order_token
from httpcache.purge_settings import PurgeSettings


class Signed(msgspec.Struct, frozen=True):
    """A node's token, and the body that it is bound to."""

    token: str
    body: bytes


async def seal(key: PrivateKey, body: bytes) -> bytes:
    """A body, signed as a node."""
    token = await asyncio.to_thread(node_token, key, body, clock.now())
    return msgspec.msgpack.encode(Signed(token, body))


async def retires(gate: Gate, settings: PurgeSettings, text: bytes, node: str, at: float) -> bool:
    """Whether what stands at the place of a node is an operator's word, as of Unix time `at`, that it has left."""
    try:
        signed = msgspec.msgpack.decode(text, type=Signed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    if is_node_token(signed.token):
        return False
    signer = await asyncio.to_thread(
        verify_order_token, signed.token, signed.body, settings.audience, gate.operators.by_kid, at, SLACK
    )
    if isinstance(signer, Problem):
        return False
    retirement = read_retirement(signed.body, signer[0])
    return not isinstance(retirement, Problem) and retirement.node == node


async def unseal(gate: Gate, settings: PurgeSettings, text: bytes, at: float) -> tuple[str, bytes] | None:
    """Which node has signed, and what, as of Unix time `at`; None when that cannot be believed.

    A node that is not on file is enrolled where that is on and the bus is on this machine.
    """
    try:
        signed = msgspec.msgpack.decode(text, type=Signed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    host = urlsplit(settings.bus.partition(",")[0]).hostname
    claims = await gate.node(signed.token, signed.body, host, at)
    return None if isinstance(claims, Problem) else (claims.sub, signed.body)
