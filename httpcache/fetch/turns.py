"""How many requests are under way to each next hop; those beyond the limit wait for their turn, in order."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from httpcache.fetch.failures import NextHopError


class Turns:
    """Turns at servers. A turn lasts from before the request is sent until its response is closed."""

    def __init__(self, most: int, longest_wait: float) -> None:
        """At most `most` at once for each server; a wait of `longest_wait` seconds (0: any) ends in failure."""
        self._most = most
        self._longest_wait = longest_wait or None
        self._taken: dict[str, int] = {}
        self._waiting: dict[str, OrderedDict[asyncio.Future[None], None]] = {}

    def taken(self, server: str) -> int:
        """Requests under way to a server."""
        return self._taken.get(server, 0)

    async def take(self, server: str) -> None:
        """Wait for a turn. Raises NextHopError when none comes in time."""
        if self.taken(server) < self._most:
            self._taken[server] = self.taken(server) + 1
            return
        queue = self._waiting.setdefault(server, OrderedDict())
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue[turn] = None
        try:
            async with asyncio.timeout(self._longest_wait):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give(server)  # it came in the moment in which the wait was given up
            if isinstance(error, TimeoutError):
                raise NextHopError("connection_limit_reached", 503, "too many requests under way") from error
            raise
        finally:
            queue.pop(turn, None)

    def give(self, server: str) -> None:
        """End a turn; it goes to whoever has waited longest."""
        queue = self._waiting.get(server, ())
        for turn in queue:
            if not turn.done():
                turn.set_result(None)
                return
        left = self.taken(server) - 1
        if left > 0:
            self._taken[server] = left
        else:
            self._taken.pop(server, None)
            self._waiting.pop(server, None)
