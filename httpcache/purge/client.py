"""Sends an order to an admin listener and brings back its receipt: what `edgeward purge` does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from httpcache import clock
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
    """Sign and send {"kind", "targets", "soft"}; its receipt after at most `wait` seconds.

    Raises OrderRefused, or OSError when there is no answer.
    """
    body = msgspec.json.encode({**order, "wait": wait})
    token = await asyncio.to_thread(order_token, key, body, audience, clock.now())
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    timeout = aiohttp.ClientTimeout(total=wait + BEYOND_WAIT, connect=CONNECT)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(f"{to_url.rstrip('/')}/v1/purges", data=body, headers=headers) as answer,
        ):
            text = await answer.read()
    except TimeoutError as error:
        raise TimeoutError(f"no answer within {timeout.total:g} seconds") from error
    except aiohttp.ClientError as error:
        raise ConnectionError(str(error) or type(error).__name__) from error
    return _receipt(answer.status, text)


def _receipt(status: int, text: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        document = {}
    if status in (200, 202) and "confirmed" in document:
        return document
    reason = document.get("reason") or f"status {status}, and no receipt: is that the admin listener?"
    raise OrderRefused(status, str(document.get("error", "")), str(reason))
