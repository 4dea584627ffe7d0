"""A small world for plays: a scripted origin, a real shield, real edges, real sockets, one event loop."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

import edge
import shield
from httpcache.purge.keeper import LogKeeper
from httpcache.serve.admin import Admin
from httpcache.serve.sockets import listening
from httpcache.serve.worker import Worker
from httpcache.settings import Settings
from tests.scenarios.origin import Origin
from tests.scenarios.ports import free_port


@dataclass
class Got:
    """What a client received."""

    status: int
    fields: Any
    body: bytes

    @property
    def cache_status(self) -> list[str]:
        """The members of Cache-Status, nearest the origin first."""
        value = ", ".join(self.fields.getall("Cache-Status", []))
        return [member.strip() for member in value.split(", ")] if value else []


@dataclass
class Node:
    """One node without its processes: worker, admin listener and, where it keeps the log, the keeper."""

    settings: Settings
    module: Any
    worker: Worker | None = None
    keeper: LogKeeper | None = None
    admin: Admin | None = None
    clock: list[float] = field(default_factory=lambda: [0.0])

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://{self.settings.listen}"

    @property
    def admin_url(self) -> str:
        """Where its admin listener is."""
        host, port = self.settings.admin_address
        return f"http://{host}:{port}"

    async def start(self) -> None:
        """Start all parts, in the order the supervisor does."""
        folder = Path(self.settings.data_folder)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.settings.keeps_log:
            self.keeper = LogKeeper(self.settings, folder)
            await self.keeper.start()
        reports = lambda: [self.worker.report()] if self.worker else []  # noqa: E731
        self.admin = Admin(self.settings, folder, folder / "metrics", self.keeper, reports)
        await self.admin.start(listening(*self.settings.admin_address, 1, "admin")[0])
        host, _, port = self.settings.listen.rpartition(":")
        sock = listening(host, int(port), 1, "listen")[0]
        self.worker = Worker(self.settings, self.module.wire(self.settings), 0, sock)
        self.worker.tier.now = lambda: time.time() + self.clock[0]
        await self.worker.start()
        async with asyncio.timeout(10):
            while not self.worker.follower.is_following:
                await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Stop all parts."""
        if self.worker is not None:
            await self.worker.drain()
        if self.admin is not None:
            await self.admin.close()
        if self.keeper is not None:
            await self.keeper.close()

    async def restart(self) -> None:
        """Stop and start on the same data folder."""
        await self.stop()
        await self.start()


class World:
    """Everything a play needs. `tiers` is 1 (edges ask the origin) or 2 (edges ask the shield)."""

    def __init__(self, folder: Path, *, edges: int = 1, tiers: int = 2, **settings: Any) -> None:
        self.origin = Origin()
        self._folder = folder
        self._count = edges
        self._tiers = tiers
        self._settings = settings
        self.shield: Node | None = None
        self.edges: list[Node] = []
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> World:
        await self.origin.start()
        if self._tiers == 2:
            self.shield = self._node("shield", shield, origin=self.origin.url)
            await self.shield.start()
        for index in range(self._count):
            next_hop = {"shields": (self.shield.url,)} if self.shield else {"origin": self.origin.url}
            node = self._node(f"edge-{index + 1}", edge, **next_hop)
            self.edges.append(node)
            await node.start()
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            connector=aiohttp.TCPConnector(limit=0),
        )
        return self

    def _node(self, name: str, module: Any, **next_hop: Any) -> Node:
        settings = {
            "tier": module.__name__,
            "name": name,
            "listen": f"127.0.0.1:{free_port()}",
            "data": str(self._folder / name),
            "store": {"ram": "16MiB", "disk": "64MiB"},
            "serve": {"drain": 2},
            **next_hop,
            **self._settings,
        }
        return Node(Settings.model_validate(settings), module)

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()
        for node in [*self.edges, *([self.shield] if self.shield else [])]:
            await node.stop()
        await self.origin.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """A client that decodes nothing."""
        assert self._session is not None
        return self._session

    @property
    def nodes(self) -> list[Node]:
        """Every node, the shield first."""
        return [*([self.shield] if self.shield else []), *self.edges]

    def pass_time(self, seconds: float) -> None:
        """Put every node's clock forward."""
        for node in self.nodes:
            node.clock[0] += seconds

    async def get(self, target: str, *, at: int = 0, method: str = "GET", **fields: str) -> Got:
        """Ask an edge; keyword arguments are fields (Accept_Encoding="br")."""
        return await self.ask(self.edges[at], target, method=method, **fields)

    async def ask(
        self, node: Node, target: str, *, method: str = "GET", body: bytes | None = None, **fields: str
    ) -> Got:
        """Ask a node."""
        assert self._session is not None
        headers = {"Host": "site.example"} | {name.replace("_", "-"): value for name, value in fields.items()}
        url = URL(node.url + target, encoded=True)
        async with self._session.request(
            method, url, headers=headers, data=body, allow_redirects=False
        ) as response:
            return Got(response.status, response.headers, await response.read())
