"""How the purge API reads questions and answers them: bearer tokens, bounded bodies, problems as JSON."""

from __future__ import annotations

import math

from aiohttp import web

from httpcache.purge.orders import LONGEST_WAIT
from httpcache.purge.problems import Problem


def refuse(problem: Problem) -> web.Response:
    """The answer that carries a problem."""
    fields = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    return web.json_response(problem.document, status=problem.status, headers=fields)


def bearer(request: web.Request) -> str | Problem:
    """The bearer token of a request (RFC 6750 §2.1), or a 401."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return Problem(401, "token-missing", "The Authorization field has no bearer token.")
    return token.strip()


async def read_body(request: web.Request) -> bytes | Problem:
    """The body, or a 413; its bound is the application's."""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        return Problem(413, "order-too-large", "The body is too large.")


def read_wait(request: web.Request) -> float | Problem:
    """The `wait` parameter in seconds, 0 when it is not there, or a 400."""
    try:
        wait = float(request.query.get("wait", "0"))
    except ValueError:
        wait = math.nan
    if not 0 <= wait <= LONGEST_WAIT:
        return Problem(400, "wait-out-of-range", f"`wait` is a number of seconds from 0 to {LONGEST_WAIT:g}.")
    return wait


def read_number(text: str) -> int | None:
    """A whole number of at most 15 digits, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None
