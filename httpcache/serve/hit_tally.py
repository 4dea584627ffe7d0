"""Counts and logs the hits of the fast lane: the numbers and lines of serve/telling, in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from httpcache import clock
from httpcache.observe import metrics
from httpcache.observe.access_log import FLUSH_AFTER, AccessLog, Line
from httpcache.rules.decisions import Served
from httpcache.serve.head_memo import KnownHead
from httpcache.serve.ready import Ready
from httpcache.store.counts import Counts

MOST = 256
"""Hits that wait to be told at the most: so that telling them never keeps others waiting for long."""

_Hit = tuple[KnownHead, Ready, str, float, float]


class HitTally:
    """Tells of the hits of one worker, at the latest after FLUSH_AFTER seconds."""

    def __init__(self, log: AccessLog, node: str, counts: Counts) -> None:
        self.hits = 0
        """All hits so far."""
        self._log = log
        self._node = node
        self._counts = counts
        self._untold: list[_Hit] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, known: KnownHead, ready: Ready, client: str, began: float) -> None:
        """Take a hit that was answered just now, `began` (monotonic) when its head had come."""
        untold = self._untold
        untold.append((known, ready, client, began, clock.monotonic() - began))
        if len(untold) >= MOST:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER, self.flush)

    def flush(self) -> None:
        """Tell what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        untold, self._untold = self._untold, []
        if not untold:
            return
        self.hits += len(untold)
        self._counts.ram_hits += len(untold)
        metrics.REQUESTS.labels(Served.HIT).inc(len(untold))
        metrics.RESPONSE_BYTES.labels(Served.HIT).inc(sum(hit[1].sent for hit in untold))
        took = [hit[4] for hit in untold]
        quick = [seconds for seconds in took if seconds <= metrics.QUICK]
        metrics.observe_quick(Served.HIT, len(quick), sum(quick))
        for seconds in took:
            if seconds > metrics.QUICK:
                metrics.LATENCY.labels(Served.HIT).observe(seconds)
        if self._log.is_on:
            self._log.write(self._lines(untold))

    def _lines(self, untold: list[_Hit]) -> Iterator[Line]:
        to_unix, node = clock.now() - clock.monotonic(), self._node
        for known, ready, client, began, seconds in untold:
            yield Line(
                time=began + to_unix,
                node=node,
                client=client,
                method=known.method,
                uri=known.uri,
                status=ready.status,
                bytes=ready.sent,
                seconds=int(seconds * 1e6 + 0.5) / 1e6,  # round() costs as much as all of the rest
                served="hit",
                fwd="",
                detail=ready.detail,
            )
