"""Counts and logs each answered request, however it ended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from prometheus_client import Counter, Histogram

from httpcache import clock
from httpcache.messages import RequestHead
from httpcache.observe import access_log, metrics
from httpcache.rules.decisions import Handling, Served


@dataclass(slots=True)
class Delivery:
    """How far an answer has come on its way to a client. `end` is "" while all is well, else why it broke off."""

    sent: int = 0
    end: str = ""


@lru_cache
def _counters(served: Served) -> tuple[Counter, Counter, Histogram]:
    """The metrics of a way in which answers come about: to find them by their labels costs as much as to count."""
    return (
        metrics.REQUESTS.labels(served),
        metrics.RESPONSE_BYTES.labels(served),
        metrics.LATENCY.labels(served),
    )


class Telling:
    """Tells of the requests of one worker."""

    def __init__(self, log: access_log.AccessLog, node: str) -> None:
        self._log = log
        self._node = node

    def tell(
        self,
        head: RequestHead,
        client: str,
        began: float,
        status: int,
        handling: Handling,
        delivery: Delivery,
    ) -> None:
        """Count and log one request that came at `began` (monotonic)."""
        ended, now = clock.monotonic(), clock.now()  # with nothing between that could take long
        seconds, served = ended - began, handling.served
        requests, octets, latency = _counters(served)
        requests.inc()
        octets.inc(delivery.sent)
        latency.observe(seconds)
        if self._log.is_on:
            self._log.add(
                access_log.Line(
                    time=now - seconds,
                    node=self._node,
                    client=client,
                    method=head.method,
                    uri=head.uri,
                    status=status,
                    bytes=delivery.sent,
                    seconds=round(seconds, 6),
                    served=served,
                    fwd=handling.fwd or "",
                    detail=handling.detail,
                    end=delivery.end,
                )
            )
