"""How a node is watched and told: its admin listener, and the purge log where it keeps that; run by its supervisor."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from httpcache.observe import metrics
from httpcache.purge.keeper import LogKeeper
from httpcache.purge.keys import KeyFault
from httpcache.serve.admin import Admin
from httpcache.serve.sockets import StartError
from httpcache.serve.worker_report import WorkerReport
from httpcache.settings import Settings
from httpcache.store.folder import HeldFolder


class Control:
    """Admin listener and keeper, from start to end. Raises StartError where keys cannot be used."""

    def __init__(
        self,
        settings: Settings,
        folder: HeldFolder,
        metrics_folder: Path,
        reports: Callable[[], list[WorkerReport]],
    ) -> None:
        self._metrics_folder = metrics_folder
        try:
            self._keeper = LogKeeper(settings, folder.path) if settings.keeps_log else None
        except KeyFault as error:
            raise StartError(f"purge: {error}") from error
        self._admin = Admin(
            settings, folder.path, metrics_folder, self._keeper, reports, lambda: folder.looks
        )

    async def start(self, sock: socket.socket) -> None:
        """Open the log, and serve on a bound socket. Raises sqlite3.Error, OSError or StartError."""
        try:
            if self._keeper is not None:
                await self._keeper.start()
        except KeyFault as error:
            raise StartError(f"purge: {error}") from error
        await self._admin.start(sock)

    async def close(self) -> None:
        """Stop serving, then close the log."""
        await self._admin.close()
        if self._keeper is not None:
            await self._keeper.close()

    def forget_worker(self, pid: int) -> None:
        """A worker process has ended: what it measured last holds no longer."""
        metrics.forget_worker(pid, str(self._metrics_folder))
