"""Watches the purge API: every attempt to change something and every failure is audited; failures are limited."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
from aiohttp import web

from httpcache import clock
from httpcache.purge.answering import bearer, refuse
from httpcache.purge.attempts import Attempts
from httpcache.purge.audit import AuditLog
from httpcache.purge.noting import Noted, noted
from httpcache.purge.problems import Problem
from httpcache.purge_settings import PurgeSettings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SHOWN = 10
"""Targets of an order that the audit log names; of more it tells how many."""

FOLLOWING = ("/v1/feed", "/v1/feed/acks", "/v1/feed/matches")
"""What nodes ask, each by itself and without end: of these only failures are noted."""


class Watch:
    """Mount it before the routes. What handlers find out they note (noting.py)."""

    def __init__(self, settings: PurgeSettings, folder: Path) -> None:
        self._attempts = Attempts(settings.failures, settings.failures_window)
        self._audit = AuditLog(folder / "purge" / "audit.log", settings.audit_size, settings.audit_files)

    def mount(self, app: web.Application) -> None:
        """Watch what an application answers."""

        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._watch(request, handler)

        app.middlewares.append(watch)
        app.cleanup_ctx.append(self._run)

    async def _run(self, _: web.Application) -> AsyncIterator[None]:
        self._audit.start()
        yield
        await asyncio.to_thread(self._audit.close)

    async def _watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        about = Noted()
        noted.set(about)
        if request.method != "PURGE" and not request.path.startswith("/v1/"):
            return await handler(request)
        # A node that goes on failing on the same machine must not keep its operators out.
        who = (request.remote, request.path in FOLLOWING)
        pause = self._attempts.pause(who, clock.monotonic())
        if pause > 0:
            problem = Problem(429, "too-many-failures", "Too many attempts from this address have failed.")
            answer: web.StreamResponse = refuse(problem)
            answer.headers["Retry-After"] = str(math.ceil(pause))
        else:
            answer = await handler(request)
        if answer.status in (401, 403):
            self._attempts.fail(who, clock.monotonic())
        if answer.status in (401, 403, 429) or (request.method != "GET" and request.path not in FOLLOWING):
            self._audit.write(_entry(request, answer, about))
        return answer


def _entry(request: web.Request, answer: web.StreamResponse, about: Noted) -> dict[str, Any]:
    """One line of the audit log. Times are Unix seconds."""
    entry: dict[str, Any] = {
        "time": round(clock.now(), 3),
        "from": request.remote,
        "who": about.who,
        "what": f"{request.method} {request.path}",
        "status": answer.status,
        "result": about.problem.error if about.problem else "accepted",
    }
    if about.who is None:
        entry["claims_to_be"] = _claimed(request)
    if about.orders:
        entry["orders"] = about.orders
    if about.is_dry:
        entry["dry"] = True
    if about.id is not None:
        entry["id"] = about.id
    return entry


def _claimed(request: web.Request) -> str | None:
    """Whom an unproven token says that it is from."""
    token = bearer(request)
    if isinstance(token, Problem) or len(token) > 2**14:
        return None
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    told = claims.get("iss", claims.get("sub")) if isinstance(claims, dict) else None
    return told[:200] if isinstance(told, str) else None
