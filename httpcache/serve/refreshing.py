"""Background validation: a stale response was given at once, its next hop is asked afterwards (RFC 5861 §3)."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from httpcache.fetch.arriving import ArrivingBody
from httpcache.fetch.failures import NextHopError
from httpcache.messages import StoredResponse
from httpcache.rules.cache_key import CacheKey
from httpcache.rules.decisions import Candidate, ForwardReason, Validate
from httpcache.serve.asking import Asking
from httpcache.serve.exchange import Incoming
from httpcache.serve.landing import Passed, Piece, Stored
from httpcache.serve.pieced import Pieces
from httpcache.serve.question import Question
from httpcache.serve.tier import Tier
from httpcache.settings import SitePolicy

MOST = 1024
"""Background validations of one worker at a time; beyond it a response is validated when it is next asked for."""


class Refreshing:
    """Validates after the answer, once per cache key at a time."""

    def __init__(self, tier: Tier, asking: Asking, pieces: Pieces) -> None:
        self._tier = tier
        self._pieces = pieces
        self._asking = asking
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def start(self, incoming: Incoming, key: CacheKey, policy: SitePolicy, stored: StoredResponse) -> None:
        """Have `stored` validated, unless that is under way."""
        if key.key in self._under_way or len(self._under_way) >= MOST:
            return
        validate = Validate((stored,), ForwardReason.STALE)
        question = Question(replace(incoming, interim=None), key, policy, validate, (Candidate(stored),))
        question = self._pieces.prepared(question)
        task = asyncio.get_running_loop().create_task(self._run(question))
        self._under_way[key.key] = task
        task.add_done_callback(lambda _: self._under_way.pop(key.key, None))

    async def _run(self, question: Question) -> None:
        flight_key = question.flight_key(frozenset())
        joined = await self._tier.collapser.join(
            flight_key, lambda flight: self._asking.lead(question, flight_key, flight)
        )
        match joined.landing:
            case Passed(reply) if joined.led:
                await reply.close()
            case Stored(arriving=ArrivingBody() as arriving) | Piece(arriving=arriving):
                # Until its end, so that the key counts as being refreshed.
                reader = arriving.read()
                with contextlib.suppress(NextHopError):
                    async for _ in reader:
                        pass
                await reader.aclose()
            case _:
                pass

    async def drain(self) -> None:
        """Wait for what is under way."""
        if self._under_way:
            await asyncio.wait(list(self._under_way.values()))
