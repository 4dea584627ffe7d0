"""Several shields: each key has its own order of them; who does not answer is asked last for a while, then tried."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Sequence
from dataclasses import dataclass, replace

from httpcache import clock
from httpcache.fetch.failures import NextHopError
from httpcache.fetch.link import Link
from httpcache.fetch.next_hop import TRY_NEXT, Interim, Reply
from httpcache.fetch.route import Route
from httpcache.messages import RequestHead
from httpcache.settings import FetchSettings

LONGEST = 32
"""A server that stays away is asked last for at most so many times the setting."""

INTERNAL = frozenset({"edgeward-purge-mark"})
"""Fields that are for tiers of ours alone."""


@dataclass(slots=True)
class _Down:
    """A server that did not answer: until when it is asked last (monotonic seconds), and for how long last time."""

    until: float
    pause: float


class Health:
    """What one worker knows of the servers that it asks. `pause` is seconds."""

    def __init__(self, pause: float, trial: float, monotonic: Callable[[], float] = clock.monotonic) -> None:
        self._pause = pause
        self._trial = trial
        self._monotonic = monotonic
        self._down: dict[str, _Down] = {}

    @property
    def down(self) -> int:
        """How many servers could not be reached when they were last asked."""
        return len(self._down)

    def ordered(self, servers: Sequence[str]) -> Sequence[str]:
        """The servers in their order, those that are down behind the others.

        Of the requests that come once a pause is over, the first tries; while it does, the others go on elsewhere.
        """
        if not self._down or len(servers) == 1:
            return servers
        now, well, down = self._monotonic(), [], []
        for server in servers:
            held = self._down.get(server)
            if held is None:
                well.append(server)
            elif held.until <= now and not well:
                held.until = now + self._trial
                well.append(server)
            else:
                down.append(server)
        return (*well, *down)

    def failed(self, server: str) -> None:
        """It could not be reached, or broke off before it said a word."""
        before = self._down.get(server)
        pause = min(before.pause * 2, self._pause * LONGEST) if before else self._pause
        self._down[server] = _Down(self._monotonic() + pause, pause)

    def answered(self, server: str) -> None:
        """It has answered."""
        if self._down:
            self._down.pop(server, None)


class Failover:
    """Asks shields, and the origin itself where no shield answers and a route to it is given. See NextHop."""

    def __init__(self, settings: FetchSettings, direct: Route | None, *, own_host: bool) -> None:
        self._link = Link(settings)
        self._direct = direct
        self._own_host = own_host
        self._origins = Link(settings, to_origins=True) if direct else None
        self.health = Health(settings.down_for, settings.connect_timeout + settings.down_for)

    async def close(self) -> None:
        """Close every connection."""
        await self._link.close()
        if self._origins is not None:
            await self._origins.close()

    async def send(
        self,
        request: RequestHead,
        servers: Sequence[str],
        body: AsyncIterable[bytes] | None = None,
        host: str | None = None,
        interim: Interim | None = None,
    ) -> Reply:
        """See NextHop. What may be asked twice is, at the next shield, also where one broke off before its response."""
        failure = NextHopError("destination_not_found", 502, "no shield")
        again = TRY_NEXT | {"http_response_incomplete"} if request.method in ("GET", "HEAD") else TRY_NEXT
        for server in self.health.ordered(servers):
            try:
                reply = await self._link.send(request, (server,), body, host, interim)
            except NextHopError as error:
                if error.error not in again:
                    raise
                self.health.failed(server)
                failure = error
                if body is not None:
                    raise
            else:
                self.health.answered(server)
                return reply
        if self._direct is None or self._origins is None:
            raise failure
        own = replace(request, fields=request.fields.without(INTERNAL))
        origins = self._direct.servers(request.authority, "")
        return await self._origins.send(own, origins, body, "" if self._own_host else None, interim)
