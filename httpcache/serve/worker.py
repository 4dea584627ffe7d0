"""A worker: the parts of a tier put together on one event loop, serving one inherited socket."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop

from httpcache import clock
from httpcache.fetch.collapse import Collapser
from httpcache.fetch.failover import Failover
from httpcache.fetch.link import Link
from httpcache.fetch.route import ToOrigins
from httpcache.messages import PurgeMark
from httpcache.observe import metrics
from httpcache.observe.access_log import AccessLog
from httpcache.purge.follower import Follower
from httpcache.purge.watermarks import Watermarks
from httpcache.rules.decisions import Standing
from httpcache.rules.forwarding import Identity
from httpcache.serve.coder import Coder
from httpcache.serve.fast_lane import FastLane
from httpcache.serve.giving_back import GivingBack
from httpcache.serve.hits import HitTally
from httpcache.serve.landing import close_abandoned
from httpcache.serve.matching import Matching
from httpcache.serve.server import HttpServer
from httpcache.serve.sockets import allow_open_files
from httpcache.serve.tier import Tier, Wiring
from httpcache.serve.transaction import Transactions
from httpcache.serve.worker_report import WorkerReport
from httpcache.settings import Settings
from httpcache.store.counts import Fault
from httpcache.store.invalidations import InvalidationMarks
from httpcache.store.tiered import TieredStore

log = logging.getLogger("edgeward")

REPORT_EVERY = 0.25
"""Seconds between two looks at whether there is something new to report."""

SWITCH = 0.0005
"""How soon the event loop gets its turn while another thread computes, in seconds; Python's own 5 ms shows in hits."""

CATCH_UP = 2.0
"""Longest wait of a request for this worker to have followed the purge log as far as the tier that asks, in seconds."""


class Worker:
    """One worker's parts, from start to drain."""

    def __init__(self, settings: Settings, wiring: Wiring, index: int, sock: socket.socket) -> None:
        self.settings = settings
        self.index = index
        self._sock = sock
        self._faults: dict[Fault, int] = {}
        folder = Path(settings.data_folder)
        tolerates = settings.purge.when_cut_off == "serve-stale"
        self.watermarks = Watermarks(
            settings.purge.watermarks, Standing.TOLERATED if tolerates else Standing.CUT_OFF
        )
        self.follower = Follower(settings, folder, index, self.watermarks)
        self.store = TieredStore(settings.store, folder, worker=index)
        self.log = AccessLog(settings.observe.access_log)
        self.tier = Tier(
            settings=settings,
            wiring=wiring,
            identity=Identity(settings.node_name, settings.tier),
            store=self.store,
            invalidations=InvalidationMarks(folder / "invalidations"),
            next_hop=self._next_hop(settings),
            purges=self.watermarks,
            reached=self._reached,
            coder=Coder(),
            collapser=Collapser(settings.fetch.longest_wait, abandoned=close_abandoned),
            now=clock.steady(),
        )
        self.transactions = Transactions(self.tier)
        self.http = HttpServer(
            self.transactions.answer,
            self.transactions.refuse,
            settings.serve,
            self.log,
            settings.node_name,
            trusts_all=wiring.trusts_peers,
        )
        self.hits = HitTally(self.log, settings.node_name, self.store.counts)
        if settings.serve.heads:
            forms = self.transactions.answering.forms
            self.http.web_server.lane = FastLane(self.tier, self.http.peers, self.hits, forms)
        self._giving_back = GivingBack(self.tier, evicts=index == 0)
        self.follower.count = Matching(self.tier, reads_disk=index == 0).count
        self._server: asyncio.Server | None = None

    @staticmethod
    def _next_hop(settings: Settings) -> Failover | Link:
        if not settings.shields:
            return Link(settings.fetch, to_origins=True)
        direct = ToOrigins(settings.origin, settings.origins) if settings.origin_without_shield else None
        return Failover(settings.fetch, direct, own_host=settings.origin_host == "origin")

    async def _reached(self, mark: PurgeMark) -> bool:
        return await self.follower.reached(mark, CATCH_UP)

    async def start(self) -> None:
        """Open the stores, follow the purge log, accept clients."""
        await self.store.start()
        await self.follower.start()
        self._giving_back.start()
        self._server = await asyncio.get_running_loop().create_server(self.http.web_server, sock=self._sock)

    async def drain(self) -> None:
        """Stop accepting, finish what is under way within the setting, close everything."""
        assert self._server is not None
        self._server.close()
        limit = self.settings.serve.drain
        self.http.web_server.pre_shutdown()  # idle connections end now; only those with a request are waited for
        await self.http.web_server.shutdown(limit)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self.transactions.drain()
        await self._giving_back.close()
        await self.follower.close()
        self.tier.coder.close()
        await self.tier.next_hop.close()
        await self.store.close()
        self.hits.close()
        self.log.close()

    def report(self) -> WorkerReport:
        """What the supervisor is told."""
        mark = self.watermarks.mark
        return WorkerReport(
            ready=self._server is not None,
            following=self.follower.is_following,
            applied=f"{mark.epoch}.{mark.n}",
            cut_off=self.watermarks.is_silent,
            lag=round(self.follower.lag(clock.monotonic()), 1),
            pid=os.getpid(),
        )

    def measure(self) -> None:
        """Set the gauges."""
        metrics.PURGE_APPLIED.set(self.watermarks.mark.n)
        if isinstance(self.tier.next_hop, Failover):
            metrics.SHIELDS_DOWN.set(self.tier.next_hop.health.down)
        metrics.PURGE_CUT_OFF.set(self.watermarks.is_silent)
        metrics.PURGE_LAG.set(self.follower.lag(clock.monotonic()))
        metrics.CONNECTIONS.set(len(self.http.web_server.connections))
        metrics.STORE_BYTES.labels(metrics.Place.RAM).set(self.store.ram.used)
        metrics.STORE_RESPONSES.labels(metrics.Place.RAM).set(len(self.store.ram))
        metrics.STORE_BUDGET.labels(metrics.Place.RAM).set(self.settings.store.ram)
        if self.store.disk is not None and self.index == 0:
            metrics.STORE_BYTES.labels(metrics.Place.DISK).set(self.store.disk.eviction.used)
            metrics.STORE_BUDGET.labels(metrics.Place.DISK).set(self.settings.store.disk)
        for kind, count in self.store.counts.faults.items():
            metrics.STORE_FAULTS.labels(kind).inc(count - self._faults.get(kind, 0))
            self._faults[kind] = count


async def _serve(settings: Settings, wiring: Wiring, index: int, sock: socket.socket) -> None:
    worker = Worker(settings, wiring, index, sock)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_reader(sys.stdin.fileno(), _end_with_supervisor)
    await worker.start()
    _spare_the_collector()
    reporting = asyncio.create_task(_report(worker))
    await stop.wait()
    await worker.drain()
    reporting.cancel()


def _spare_the_collector() -> None:
    """Have garbage looked for among what is young. What is stored stays: to pass over it all stops every answer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 20)


def _end_with_supervisor() -> None:
    """The supervisor's end of the pipe is closed: it has died, and nobody would ever stop this process."""
    if not os.read(sys.stdin.fileno(), 65536):
        os._exit(1)


async def _report(worker: Worker) -> None:
    last = WorkerReport()
    while True:
        worker.measure()
        report = worker.report()
        if report != last:
            last = report
            sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
            sys.stdout.buffer.flush()
        await asyncio.sleep(REPORT_EVERY if last.following else REPORT_EVERY / 10)


def main(wire: Callable[[Settings], Wiring]) -> None:
    """The worker process: its orders come as one JSON line on standard input."""
    order = msgspec.json.decode(_first_line(sys.stdin.fileno()))
    settings = Settings.model_validate(order["settings"])
    logging.basicConfig(
        level=settings.observe.log_level.upper(),
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    allow_open_files()
    sys.setswitchinterval(SWITCH)
    sock = socket.socket(fileno=order["socket"])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, wire(settings), order["index"], sock))


def _first_line(descriptor: int) -> bytes:
    """Read up to the line's end and no further: what comes later is for the event loop."""
    line = bytearray()
    while not line.endswith(b"\n"):
        octet = os.read(descriptor, 1)
        if not octet:
            raise SystemExit("this process is started by `edgeward edge` or `edgeward shield`, not by hand")
        line += octet
    return bytes(line)
