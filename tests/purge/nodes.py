"""A keeper and followers over real loopback sockets, for the tests beside this file."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

from aiohttp import web

from httpcache.purge import api
from httpcache.purge.client import send_order
from httpcache.purge.follower import Follower
from httpcache.purge.keeper import LogKeeper
from httpcache.purge.keys import load_private_key
from httpcache.purge.watermarks import Watermarks
from httpcache.settings import Settings


class Admin:
    """An admin listener with the purge API alone; it keeps its port over restarts."""

    def __init__(self, folder: Path, *, keeps_log: bool = True, **settings: Any) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        base = {"name": "keeper", "origin": "http://127.0.0.1:1", "admin": f"127.0.0.1:{self.port}"}
        self.settings = Settings.model_validate({**base, **settings})
        self.keeps_log = keeps_log
        self.keeper: LogKeeper = None  # type: ignore[assignment]
        self.own: Follower | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> Admin:
        self.folder.mkdir(exist_ok=True)
        if self.keeps_log:
            self.keeper = LogKeeper(self.settings, self.folder)
            await self.keeper.start()
        app = web.Application(client_max_size=2**20)
        api.add_routes(app, self.settings, self.folder, self.keeper)
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def stop(self) -> None:
        await self._runner.cleanup()
        if self.keeps_log:
            await self.keeper.close()

    async def order(
        self, kind: str, *targets: str, soft: bool = False, wait: float = 5.0, to: str = ""
    ) -> dict[str, Any]:
        key = load_private_key(self.folder / "keys" / "operator.key")
        return await send_order(to or self.url, key, {"kind": kind, "targets": targets, "soft": soft}, wait)


def follower(admin: Admin, folder: Path, name: str, index: int = 0, **settings: Any) -> Follower:
    """A worker's follower of that keeper; the keeper's own by its name."""
    folder.mkdir(exist_ok=True)
    if name == admin.settings.node_name:
        return Follower(admin.settings, folder, index, Watermarks(1000))
    purge = {"log_at": admin.url, "heartbeat": 0.2, **settings.pop("purge", {})}
    base = {"name": name, "origin": "http://127.0.0.1:1", "purge": purge, **settings}
    return Follower(Settings.model_validate(base), folder, index, Watermarks(1000))


async def until(holds: Any, timeout: float = 5.0) -> None:
    """Wait for a condition that nothing announces."""
    async with asyncio.timeout(timeout):
        while not holds():
            await asyncio.sleep(0.002)
