"""Asks a purge API over its socket, with tokens made here."""

from __future__ import annotations

import json

import aiohttp
from yarl import URL

from httpcache import clock
from httpcache.purge.tokens import order_token


async def ask(method, url, token=None, body=None, **fields):
    """Status and JSON of an answer."""
    headers = fields if token is None else {"Authorization": f"Bearer {token}", **fields}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, URL(url, encoded=url.isascii()), data=body, headers=headers) as answer,
    ):
        text = await answer.read()
        return answer.status, json.loads(text) if answer.content_type == "application/json" else None


def signed(key, body=b"", rights=None, now=None):
    """An operator's token for a body."""
    return order_token(key, body, "edgeward", now or clock.now(), rights)
