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
from httpcache.purge.attempts import Attempts, source_of
from httpcache.purge.audit import AuditLog
from httpcache.purge.noting import Noted, noted
from httpcache.purge.problems import Problem
from httpcache.purge.turns import Turns
from httpcache.purge_settings import PurgeSettings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FOLLOWING = ("/v1/feed", "/v1/feed/acks", "/v1/feed/matches")
"""What nodes ask, each by itself and without end: of these only failures are noted."""


class Watch:
    """Mount it before the routes. What handlers find out they note (noting.py)."""

    def __init__(self, settings: PurgeSettings, folder: Path) -> None:
        self._attempts = Attempts(settings.failures, settings.failures_window)
        self._turns = Turns(self._attempts)
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
        # A node that goes on failing on the same machine must not keep its operators out.
        about = Noted(turns=self._turns, source=(source_of(request.remote), request.path in FOLLOWING))
        noted.set(about)
        if request.method != "PURGE" and not request.path.startswith("/v1/"):
            return await handler(request)
        problem = self._turns.pause_of(about.source)
        answer = refuse(problem) if problem is not None else await handler(request)
        who = about.source
        if answer.status == 429:
            answer.headers["Retry-After"] = str(math.ceil(self._attempts.pause(who, clock.monotonic())) or 1)
            if self._attempts.turned_away(who) > 1:
                return answer  # told by number with the next attempt: a flood must not fill the audit log
        elif answer.status in (401, 403) and not about.is_counted:
            self._attempts.fail(who, clock.monotonic())
        if answer.status in (401, 403, 429) or (request.method != "GET" and request.path not in FOLLOWING):
            turned_away = self._attempts.told(who) - 1 if answer.status != 429 else 0
            self._audit.write(_entry(request, answer, about, turned_away))
        return answer


def _entry(
    request: web.Request, answer: web.StreamResponse, about: Noted, turned_away: int
) -> dict[str, Any]:
    """One line of the audit log. Times are Unix seconds.

    `turned_away` is how many attempts were not looked at since the first of them was told.
    """
    entry: dict[str, Any] = {
        "time": round(clock.now(), 3),
        "from": request.remote,
        "who": about.who,
        "what": f"{request.method} {request.path}",
        "status": answer.status,
        "result": about.problem.error if about.problem else "accepted",
    }
    if about.through is not None:
        entry["through"], entry["client"] = about.through, about.client
    if about.who is None:
        entry["claims_to_be"] = _claimed(request)
    if about.orders:
        entry["orders"] = about.orders
    if about.is_dry:
        entry["dry"] = True
    if about.id is not None:
        entry["id"] = about.id
    if turned_away > 0:
        entry["turned_away_before"] = turned_away
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
