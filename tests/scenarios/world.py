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
from httpcache.purge.keys import new_operator
from httpcache.serve.admin import Admin
from httpcache.serve.sockets import listening
from httpcache.serve.worker import Worker
from httpcache.settings import Settings
from tests.scenarios.link import Link
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
    """Everything a play needs. `tiers` is 1 (edges ask the origin) or 2 (edges ask the shields; the first has the log).

    With `linked`, what the first edge follows the log by is a `link` that can be cut. `bus` is where the log lives, if
    not at a node: it has a URL and a name.
    """

    def __init__(
        self,
        folder: Path,
        *,
        edges: int = 1,
        tiers: int = 2,
        shields: int = 1,
        linked: bool = False,
        bus: Any = None,
        **settings: Any,
    ) -> None:
        self.origin = Origin()
        self._folder = folder
        self._count = edges
        self._tiers = tiers
        self._settings = settings
        self._shield_count = shields
        self._linked = linked
        self._bus = bus if bus and bus.url else None
        self.link: Link | None = None
        self.shields: list[Node] = []
        self.edges: list[Node] = []
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> World:
        await self.origin.start()
        for index in range(self._shield_count if self._tiers == 2 else 0):
            at = {"log_at": self.shields[0].admin_url} if index and not self._bus else {}
            name = f"shield-{index + 1}" if index else "shield"
            self.shields.append(self._node(name, shield, at, origin=self.origin.url))
            await self.shields[-1].start()
        for index in range(self._count):
            shields = tuple(one.url for one in self.shields)
            next_hop = {"shields": shields} if shields else {"origin": self.origin.url}
            if self._settings.get("origin_without_shield"):
                next_hop["origin"] = self.origin.url
            at = {}
            if self._linked and not index:
                self.link = await Link(self._bus.url if self._bus else self.shields[0].admin_url).start()
                at = {"bus": f"nats://127.0.0.1:{self.link.port}"} if self._bus else {"log_at": self.link.url}
            node = self._node(f"edge-{index + 1}", edge, at, **next_hop)
            self.edges.append(node)
            await node.start()
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            connector=aiohttp.TCPConnector(limit=0),
        )
        return self

    @property
    def shield(self) -> Node | None:
        """The first shield, which keeps the log."""
        return self.shields[0] if self.shields else None

    def _node(self, name: str, module: Any, purge: dict[str, Any], **next_hop: Any) -> Node:
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
        settings["purge"] = {**settings.get("purge", {}), **self._on_bus(), **purge}
        return Node(Settings.model_validate(settings), module)

    def _on_bus(self) -> dict[str, Any]:
        if self._bus is None:
            return {}
        if not self.operator_key.exists():
            new_operator(self.operator_key.parent)
        keys = self.operator_key.with_name("operators.jwks")
        return {"bus": self._bus.url, "bus_name": self._bus.name, "keys": str(keys)}

    @property
    def operator_key(self) -> Path:
        """The private key that signs orders."""
        folder = self._folder / "operator" if self._bus else Path(self.nodes[0].settings.data_folder) / "keys"
        return folder / "operator.key"

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()
        for node in [*self.edges, *reversed(self.shields)]:
            await node.stop()
        if self.link is not None:
            await self.link.close()
        await self.origin.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """A client that decodes nothing."""
        assert self._session is not None
        return self._session

    @property
    def nodes(self) -> list[Node]:
        """Every node, the shields first."""
        return [*self.shields, *self.edges]

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
