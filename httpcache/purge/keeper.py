"""The log's keeper: the log, the feed, the ledger of receipts and the gate, put together in a supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from httpcache import clock
from httpcache.messages import PurgeMark
from httpcache.purge.applied import applied_mark
from httpcache.purge.bus import is_there
from httpcache.purge.counting import Counting, Row
from httpcache.purge.feed import Feed
from httpcache.purge.gate import Gate
from httpcache.purge.key_files import read_key_file
from httpcache.purge.keys import KeyFault, new_operator, node_key
from httpcache.purge.log import Logged, Wish
from httpcache.purge.log_door import LogDoor
from httpcache.purge.mirror import Mirror
from httpcache.purge.orders import Order
from httpcache.purge.receipts import Ledger
from httpcache.settings import Settings

log = logging.getLogger("edgeward.purge")

SAVE_EVERY = 0.5
"""Seconds between two looks at whether the ledger must be saved."""
COMPACT_EVERY = 60.0
"""Seconds between two compactions of the log."""
LATEST_EPOCH = 86400.0
"""How far ahead of now an epoch that is believed may begin, in seconds."""
SILENT_HEARTBEATS = 3
"""Heartbeats that a worker may miss before it counts as away."""


class LogKeeper:
    """Keeps the purge log in `folder`/purge. Makes its keys at first start. Raises KeyFault or OSError."""

    def __init__(self, settings: Settings, folder: Path, now: Callable[[], float] = clock.now) -> None:
        self.settings = settings
        self.now = now
        for given in filter(None, (settings.purge.keys, settings.purge.nodes)):
            read_key_file(
                Path(given), settings.purge.shared_keys
            )  # a fault in a file that is named in the settings stops the start
        self.key = node_key(folder, settings.node_name)
        if not settings.purge.keys and not (folder / "keys" / "operators.jwks").exists():
            (folder / "keys" / "operator.key").unlink(missing_ok=True)  # half a pair, from a start cut short
            new_operator(folder / "keys")
        self.gate = Gate(settings.purge, folder, self.key.public, now)
        self.door = LogDoor(folder / "purge" / "log.db", self._appended)
        self._mirror = self._mirrored()
        behind = self._mirror.behind if self._mirror else lambda: 0.0
        self.feed = Feed(self.door, self.key, settings.purge.heartbeat, behind)
        self.counting = Counting(self.feed, self._asked)
        self._ledger_file = folder / "purge" / "workers.json"
        self._ledger: Ledger | None = None
        self._has_renewed = False
        self._tasks: list[asyncio.Task[None]] = []

    def _mirrored(self) -> Mirror | None:
        """The mirror of the log where that lives on a bus. Raises KeyFault when nats-py is not there."""
        if not self.settings.purge.bus:
            return None
        if not is_there():
            raise KeyFault("purge.bus needs nats-py: pip install 'edgeward[nats]'")
        return Mirror(self.settings, self.key, self.gate, self.door, self._appended, self._counted_here)

    @property
    def is_mirror(self) -> bool:
        """Whether the log lives on a bus."""
        return self._mirror is not None

    @property
    def ledger(self) -> Ledger:
        """Who has confirmed what."""
        assert self._ledger is not None, "the keeper is started first"
        return self._ledger

    async def start(self) -> None:
        """Open the log. Raises sqlite3.Error or OSError."""
        await self.door.open(self.now())
        silence = self.settings.purge.heartbeat * SILENT_HEARTBEATS
        self._ledger = Ledger(self.door.log.epoch, silence)
        furthest = await self.door.run(self._restore)
        if self._mirror is None:
            applied = await self.door.run(applied_mark, self._ledger_file.with_name("applied.db"))
            await self.goes_on_from(max(furthest, applied), self.settings.node_name)
        self._ledger.register(self.settings.node_name, self.settings.workers, self.now())
        if self._mirror is not None:
            self._mirror.start(self._ledger)
        self._tasks = [asyncio.create_task(self._save_often()), asyncio.create_task(self._compact_often())]

    async def close(self) -> None:
        """End the feeds and close the log."""
        self.feed.close()
        if self._mirror is not None:
            await self._mirror.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._ledger is not None:
            with contextlib.suppress(OSError):
                await self.door.run(self._save, msgspec.json.encode(self._ledger.document()))
        await self.door.close()

    async def append(self, wish: Wish) -> tuple[Logged, ...]:
        """Make orders durable and publish them; none when their token has been used.

        Raises sqlite3.Error, or BusError where the log lives on a bus.
        """
        return await (self._mirror or self.door).append(wish)

    async def goes_on_from(self, mark: PurgeMark, node: str) -> bool:
        """Whether a node that has applied the log up to `mark` can go on from here.

        A log that ends before that has lost orders, as one from a backup has: numbers would come twice, and whoever
        knows them would miss the second. So it begins a new epoch; once in a run, as no node may purge at its will.
        """
        purge_log = self.door.log
        if mark <= purge_log.end:
            return True
        if self._mirror is not None:
            return mark.epoch != purge_log.epoch  # the bus knows; it may be that this mirror is not there yet
        latest = int(self.now() + LATEST_EPOCH) << 16
        if self._has_renewed or mark.epoch > latest:
            log.error("%s has applied the purge log to %d.%d: not this one", node, mark.epoch, mark.n)
            return False
        self._has_renewed = True
        log.error(
            "the purge log has lost orders: %s has applied %d.%d, but it ends at %d.%d. A new epoch begins, in which "
            "all that is stored is validated",
            *(node, mark.epoch, mark.n, purge_log.epoch, purge_log.newest),
        )
        await self.door.run(purge_log.renew, self.now(), mark.epoch)
        self.ledger.begin(purge_log.epoch)
        self.feed.publish(purge_log.newest, ())
        return True

    async def count(self, dry: Wish, wait: float) -> list[Row]:
        """What dry orders match on every node, in about `wait` seconds. Raises OSError where that cannot be asked."""
        if self._mirror is not None:
            return await self._mirror.counted(dry, wait)
        return await self.counting.count(dry.orders, wait)

    async def _counted_here(self, orders: tuple[Order, ...], wait: float) -> Row:
        return (await self.counting.count(orders, wait))[0]

    def _asked(self) -> dict[str, list[int]]:
        """Whom this node asks about dry orders: those who follow its log; of a mirrored one, its own workers."""
        following, own = self.ledger.following(), self.settings.node_name
        return following if self._mirror is None else {own: following.get(own, [])}

    async def find(self, n: int) -> Logged | None:
        """The order of that number, while the log has it."""
        found = await self.door.run(self.door.log.after, n - 1, 1)
        return found[0] if found and found[0].n == n else None

    def receipt(self, logged: Logged) -> dict[str, Any]:
        """Who has confirmed an order, node by node. Times are Unix seconds."""
        rows = self.ledger.rows(logged.n, self.now())
        return {
            "id": f"{self.door.log.epoch}.{logged.n}",
            "epoch": self.door.log.epoch,
            **self.entry(logged),
            "confirmed": all(row["state"] == "confirmed" for row in rows),
            "nodes": rows,
        }

    @staticmethod
    def entry(logged: Logged) -> dict[str, Any]:
        """An order as history tells it."""
        order = msgspec.to_builtins(logged.order)
        return {"n": logged.n, "at": round(logged.at, 3), "who": logged.who, "order": order}

    async def retire(self, node: str, body: bytes = b"", token: str = "") -> bool:
        """Forget a node that has left for good, and its key; False when there is none of that name. Raises OSError.

        `body` and `token` are the operator's word, for a bus that passes them on.
        """
        if self._mirror is not None:
            await self._mirror.retire(node, body, token)
        await asyncio.to_thread(self.gate.forget, node)
        is_known = self.ledger.retire(node)
        self.feed.wake()  # its own feeds end
        return is_known

    async def save(self) -> None:
        """Have it on disk which workers there are. A failure is logged: receipts may forget them after a crash."""
        self.ledger.is_changed = False
        try:
            await self.door.run(self._save, msgspec.json.encode(self.ledger.document()))
        except OSError as error:
            log.error("cannot save which workers there are: %s", error)

    def _appended(self, after: int, orders: Sequence[Logged]) -> None:
        self.feed.publish(after, orders)

    async def _save_often(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY)
            if self.ledger.is_changed:
                await self.save()

    async def _compact_often(self) -> None:
        purge = self.settings.purge
        while True:
            try:
                await self.door.run(self.door.log.compact, self.now(), purge.log_age, purge.log_count)
            except Exception as error:  # a full disk must not end the keeper
                log.error("cannot compact the purge log: %s", error)
            await asyncio.sleep(COMPACT_EVERY)

    def _save(self, text: bytes) -> None:
        draft = self._ledger_file.with_suffix(".draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._ledger_file)

    def _restore(self) -> PurgeMark:
        try:
            return self.ledger.restore(msgspec.json.decode(self._ledger_file.read_bytes()))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.error("cannot read which workers there were: %s", error)
        return PurgeMark()
