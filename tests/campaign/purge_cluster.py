"""Two shields and two edges whose ways to the purge log are links that can be cut; the log at a shield, or on NATS."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from pathlib import Path

from httpcache.purge.keys import new_operator
from tests.campaign.cluster import DISK, NodeProcess
from tests.purge.nats_server import NatsServer
from tests.scenarios.link import Link

LAG_LIMIT = 2.0
LOG_COUNT = 60
"""Orders that the log keeps; on NATS that many messages."""

SETTINGS = """\
[store]
ram = "3MiB"
disk = "24MiB"
[fetch]
first_byte_timeout = 5
longest_wait = 5
[serve]
drain = 2
[purge]
heartbeat = 0.3
lag_limit = {lag_limit}
give_back_after = 0.5
watermarks = 64
log_count = {log_count}
keys = "{keys}"
{log}
"""


class PurgeCluster:
    """The first shield keeps the log, unless it is `on_nats`. Its own way to its own log is no link."""

    def __init__(self, folder: Path, origin: str, *, on_nats: bool) -> None:
        self.on_nats = on_nats
        self.operator_key, self._keys = new_operator(folder / "operator")
        self._folder = folder
        (folder / DISK).mkdir(exist_ok=True)
        self._server = NatsServer(folder / "nats") if on_nats else None
        self.shields = [
            NodeProcess(folder, "shield", f"shield-{n}", "--origin", origin, workers=n) for n in (1, 2)
        ]
        next_hops = tuple(word for one in self.shields for word in ("--shield", one.url))
        self.edges = [NodeProcess(folder, "edge", f"edge-{n}", *next_hops, workers=3 - n) for n in (1, 2)]
        log = self._server.url.replace("nats:", "http:") if self._server else self.shields[0].admin
        self.links = [Link(log) for _ in (self.nodes if on_nats else self.nodes[1:])]

    @property
    def nodes(self) -> list[NodeProcess]:
        """Every node, the shields first."""
        return [*self.shields, *self.edges]

    async def start(self) -> None:
        """Start links, the bus, shields, then edges."""
        if self._server is not None:
            await asyncio.to_thread(self._server.start)
        linked = self.nodes if self.on_nats else self.nodes[1:]
        for node in self.nodes:
            log = ""
            if node in linked:
                link = await self.links[linked.index(node)].start()
                log = f'bus = "nats://127.0.0.1:{link.port}"' if self.on_nats else f'log_at = "{link.url}"'
            config = self._folder / f"{node.name}.toml"
            config.write_text(
                SETTINGS.format(keys=self._keys, log=log, lag_limit=LAG_LIMIT, log_count=LOG_COUNT)
            )
            at = node.arguments.index("--config") + 1
            node.arguments = (*node.arguments[:at], str(config), *node.arguments[at + 1 :])
        await asyncio.gather(*(shield.start() for shield in self.shields))
        await asyncio.gather(*(edge.start() for edge in self.edges))

    async def restart_bus(self, *, wiped: bool = False) -> float:
        """Kill the NATS server and start it again; `wiped`, with nothing of what it had. When (monotonic seconds)."""
        assert self._server is not None
        self._server.kill()
        if wiped:
            self._server.wipe()
        at = time.monotonic()
        await asyncio.to_thread(self._server.start)
        return at

    async def stop(self) -> None:
        """End every node, by force where it does not end."""
        for node in reversed(self.nodes):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(node.end(), 20)
            await node.end(signal.SIGKILL)
        for link in self.links:
            if link.port:
                await link.close()
        if self._server is not None:
            with contextlib.suppress(AssertionError):
                self._server.kill()
