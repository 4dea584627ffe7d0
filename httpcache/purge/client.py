"""Asks an admin listener as an operator: sends orders and brings back receipts, lists nodes and retires them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from httpcache import clock
from httpcache.fetch.failures import reason
from httpcache.purge.keys import PrivateKey
from httpcache.purge.tokens import order_token

BEYOND_WAIT = 15.0
"""How much longer than the wait for the receipt the answer may take, in seconds."""
CONNECT = 5.0


class OrderRefused(Exception):
    """The order was not accepted; `status` is the answer's, `error` its token, the message its sentence."""

    def __init__(self, status: int, error: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.error = error


async def send_order(
    to_url: str, key: PrivateKey, order: Mapping[str, Any], wait: float = 10.0, *, audience: str = "edgeward"
) -> dict[str, Any]:
    """Sign and send {"kind", "targets", "soft"}; its receipt after at most `wait` seconds. With "dry", the count.

    Raises OrderRefused, or OSError when there is no answer.
    """
    body = msgspec.json.encode({**order, "wait": wait})
    expected = "complete" if order.get("dry") else "confirmed"
    return await _ask("POST", f"{to_url.rstrip('/')}/v1/purges", key, body, wait, audience, expected)


async def ask_nodes(to_url: str, key: PrivateKey, *, audience: str = "edgeward") -> dict[str, Any]:
    """Which nodes follow the log. Raises OrderRefused, or OSError when there is no answer."""
    return await _ask("GET", f"{to_url.rstrip('/')}/v1/nodes", key, b"", 0.0, audience, "nodes")


async def retire_node(
    to_url: str, key: PrivateKey, node: str, *, force: bool = False, audience: str = "edgeward"
) -> None:
    """Retire a node that has left for good; by `force` one that follows the log, too.

    Raises OrderRefused, or OSError when there is no answer.
    """
    body = msgspec.json.encode({"node": node, "force": force})
    await _ask("POST", f"{to_url.rstrip('/')}/v1/nodes/retire", key, body, 0.0, audience, "retired")


async def _ask(
    method: str, url: str, key: PrivateKey, body: bytes, wait: float, audience: str, expected: str
) -> dict[str, Any]:
    """Sign and send; an answer that has the `expected` member."""
    token = await asyncio.to_thread(order_token, key, body, audience, clock.now())
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    timeout = aiohttp.ClientTimeout(total=wait + BEYOND_WAIT, connect=CONNECT)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, url, data=body or None, headers=headers) as answer,
        ):
            text = await answer.read()
    except TimeoutError as error:
        raise TimeoutError(f"no answer within {timeout.total:g} seconds") from error
    except aiohttp.ClientError as error:
        raise ConnectionError(reason(error)) from error
    return _document(answer.status, text, expected)


def _document(status: int, text: bytes, expected: str) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        document = {}
    if status in (200, 202) and expected in document:
        return document
    said = document.get("reason") or f"status {status}, and no receipt: is that the admin listener?"
    raise OrderRefused(status, str(document.get("error", "")), str(said))
