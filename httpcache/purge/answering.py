"""How the purge API reads questions and answers them: bearer tokens, bounded bodies, problems as JSON."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from aiohttp import web

from httpcache.purge.noting import noted
from httpcache.purge.orders import LONGEST_WAIT, url_order
from httpcache.purge.problems import Problem

BODY_TIME = 10.0
"""Longest wait for a whole body, in seconds."""

Handler = Callable[[web.Request], Awaitable[web.Response]]


def refuse(problem: Problem) -> web.Response:
    """The answer that carries a problem."""
    fields = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
    noted.get().problem = problem
    return web.json_response(problem.document, status=problem.status, headers=fields)


def add_purge_method(app: web.Application, order: Handler) -> None:
    """Take PURGE for any target; to be called when the routes of all paths have been added."""

    async def other(request: web.Request) -> web.Response:
        if request.method == "PURGE":
            return await order(request)
        return refuse(Problem(404, "nothing-there", "The admin listener has nothing at that path."))

    app.router.add_route("*", "/{target:.*}", other)


def bearer(request: web.Request) -> str | Problem:
    """The bearer token of a request (RFC 6750 §2.1), or a 401."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return Problem(401, "token-missing", "The Authorization field has no bearer token.")
    return token.strip()


async def read_body(request: web.Request) -> bytes | Problem:
    """The body, or a 413; its bound is the application's. That of PURGE is the order that it stands for."""
    if request.method == "PURGE":
        soft = request.headers.get("Edgeward-Purge", "").strip().lower() == "soft"
        target = request._message.path  # to the octet, as it was signed
        try:
            return url_order(
                f"http://{request.host}{target}" if target.startswith("/") else target, soft=soft
            )
        except UnicodeEncodeError:
            return Problem(400, "target-malformed", "The target or the host is not UTF-8.")
    try:
        async with asyncio.timeout(BODY_TIME):
            return await request.read()
    except TimeoutError:
        return Problem(408, "order-too-slow", f"The body has not arrived within {BODY_TIME:g} seconds.")
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
