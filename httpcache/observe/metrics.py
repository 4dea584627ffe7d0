"""What is counted. Every worker counts for itself; the admin listener sums over them."""

from __future__ import annotations

import struct
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from httpcache.observe import metrics_files

metrics_files.reserve()


class Limit(StrEnum):
    """Which limit ended a client connection."""

    CONNECTIONS = "connections"
    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    READING = "reading"


class Resumption(StrEnum):
    """How a request for the rest of a body ended."""

    CONTINUED = "continued"
    CHANGED = "changed"
    FAILED = "failed"


class Place(StrEnum):
    """Which store."""

    RAM = "ram"
    DISK = "disk"


REQUESTS = Counter("edgeward_requests", "Requests answered, by how the answer came about.", ["served"])
RESPONSE_BYTES = Counter(
    "edgeward_response_bytes", "Octets of bodies sent to clients, by how they came about.", ["served"]
)
QUICK = 0.0005
"""The first bucket of LATENCY, in seconds."""

LATENCY = Histogram(
    "edgeward_request_seconds",
    "Seconds from the head of a request to the end of its answer.",
    ["served"],
    buckets=(QUICK, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
LATENCY.labels("hit")  # opens its file while its folder is there: that may vanish before the first request
FETCHES = Counter(
    "edgeward_next_hop_requests", "Requests sent to the next hop, by what came back.", ["result"]
)
SHIELDS_DOWN = Gauge(
    "edgeward_shields_down",
    "Shields that could not be reached when they were last asked, most over workers.",
    multiprocess_mode="livemax",
)
FETCHED_BYTES = Counter("edgeward_next_hop_bytes", "Octets of bodies received from the next hop.")
ABANDONED = Counter("edgeward_abandoned", "Fetches given up as nobody was left to read what they brought.")
RESUMED = Counter(
    "edgeward_resumed",
    "Requests for the rest of a body that ended too early, by how they ended.",
    ["outcome"],
)
COLLAPSED = Counter(
    "edgeward_collapsed", "Requests that waited for another's fetch, by how that ended.", ["outcome"]
)
CODED = Counter("edgeward_coded", "Coded forms made, by coding.", ["coding"])
CUT = Counter("edgeward_clients_cut", "Client connections that a limit has ended, by limit.", ["limit"])
STORE_FAULTS = Counter(
    "edgeward_store_faults", "Faults of the stores that cost a slower answer, by kind.", ["kind"]
)
STORE_BYTES = Gauge(
    "edgeward_store_bytes",
    "Bytes held, by store; RAM counts what entries cost.",
    ["store"],
    multiprocess_mode="livesum",
)
STORE_RESPONSES = Gauge(
    "edgeward_store_responses", "Cache keys held in RAM.", ["store"], multiprocess_mode="livesum"
)
STORE_BUDGET = Gauge(
    "edgeward_store_budget_bytes",
    "Bytes that may be held, by store; of RAM in all workers together.",
    ["store"],
    multiprocess_mode="livesum",
)
PURGE_APPLIED = Gauge(
    "edgeward_purge_applied",
    "Number of the newest purge order applied, least over workers.",
    multiprocess_mode="livemin",
)
PURGE_LAG = Gauge(
    "edgeward_purge_lag_seconds",
    "Seconds since the purge log was last heard, most over workers.",
    multiprocess_mode="livemax",
)
PURGE_CUT_OFF = Gauge(
    "edgeward_purge_cut_off",
    "Workers that have not heard the purge log for longer than purge.lag_limit.",
    multiprocess_mode="livesum",
)
PURGE_DAMAGED = Counter(
    "edgeward_purge_damaged",
    "Times that the file of applied purge orders was found damaged at a start, and all that is stored unproven.",
)
GIVEN_BACK = Counter(
    "edgeward_purge_given_back",
    "Cache keys whose space was given back since orders wanted all of it gone, by store.",
    ["store"],
)
CONNECTIONS = Gauge("edgeward_connections", "Client connections open.", multiprocess_mode="livesum")


def observe_quick(served: str, count: int, seconds: float) -> None:
    """Count `count` requests in LATENCY at once: each took at most QUICK seconds, all of them `seconds`.

    The library counts one at a time only, which for a hit costs a third of answering it.
    """
    child = LATENCY.labels(served)
    child._buckets[0].inc(count)
    child._sum.inc(seconds)


def count_hits(count: int, octets: int, quick: int, seconds: float) -> None:
    """Count `count` hits with bodies of `octets` together, of which `quick` took at most QUICK, all those `seconds`."""
    REQUESTS.labels("hit").inc(count)
    RESPONSE_BYTES.labels("hit").inc(octets)
    observe_quick("hit", quick, seconds)


class NotTold(Exception):
    """What was counted cannot be read now; the message says why."""


def exposition(folder: str) -> bytes:
    """The metrics of all workers that write to `folder`, in Prometheus' text format. Raises NotTold."""
    registry = CollectorRegistry()
    try:
        multiprocess.MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    except (OSError, ValueError, RuntimeError, struct.error) as error:  # gone, cut, or not what was written
        raise NotTold(f"{error}") from error


def forget_worker(pid: int, folder: str) -> None:
    """Drop the gauges of a worker process that has ended; its counters stay in the sums."""
    multiprocess.mark_process_dead(pid, path=folder)  # type: ignore[no-untyped-call]
