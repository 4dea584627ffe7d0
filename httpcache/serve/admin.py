"""The admin listener: health, readiness, metrics, and the purge API. A socket of its own, never the clients'."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from httpcache import clock
from httpcache.observe import metrics
from httpcache.purge import api
from httpcache.purge.keeper import LogKeeper
from httpcache.serve.admin_server import AdminRunner
from httpcache.serve.worker_report import WorkerReport
from httpcache.settings import Settings
from httpcache.store.counts import QUIET

log = logging.getLogger("edgeward")


class Admin:
    """aiohttp application on the admin socket."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        metrics_folder: Path,
        keeper: LogKeeper | None,
        reports: Callable[[], list[WorkerReport]],
        looks: Callable[[], int] = lambda: 0,
    ) -> None:
        """`looks` tells how often the data folder has been found whole."""
        self._looks = looks
        self._settings = settings
        self._metrics_folder = metrics_folder
        self._reports = reports
        self._told_at = -QUIET
        app = web.Application(client_max_size=2**20)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        api.add_routes(app, settings, folder, keeper)
        self._runner = AdminRunner(
            app,
            access_log=None,
            auto_decompress=False,  # a body is signed as it is sent, and nobody's few octets may become many
            max_line_size=32 * 2**10,
            max_field_size=32 * 2**10,
            handle_signals=False,
            shutdown_timeout=1.0,
        )

    async def start(self, sock: socket.socket) -> None:
        """Serve on a bound socket."""
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()

    async def close(self) -> None:
        """Stop serving; open feeds end."""
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        reports = self._reports()
        limit = self._settings.purge.lag_limit
        workers = [
            {
                "ready": report.ready,
                "following": report.following,
                "applied": report.applied,
                "cut_off": report.cut_off,
                "lag": round(report.lag, 3),
                "pid": report.pid,
            }
            for report in reports
        ]
        ready = all(report.ready and report.following and report.lag <= limit for report in reports)
        body = {
            "ready": ready,
            "node": self._settings.node_name,
            "tier": self._settings.tier,
            "folder_looks": self._looks(),
            "workers": workers,
        }
        return web.json_response(body, status=200 if ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        try:
            text = await asyncio.to_thread(metrics.exposition, str(self._metrics_folder))
        except metrics.NotTold as error:
            if clock.monotonic() - self._told_at >= QUIET:
                self._told_at = clock.monotonic()
                log.warning("what is counted cannot be told now: %s", error)
            return web.Response(text=f"not to be told now: {error}\n", status=503)
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
