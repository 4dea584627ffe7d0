"""A node's mirror of the log that lives on a bus: verified, kept in the node's own log, fed to its workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from httpcache import clock
from httpcache.purge.batches import parse_orders
from httpcache.purge.bus import Bus, BusError, Message, Told
from httpcache.purge.gate import Gate
from httpcache.purge.keys import PrivateKey
from httpcache.purge.log import Logged, Wish
from httpcache.purge.log_door import LogDoor
from httpcache.purge.orders import Kind, Order
from httpcache.purge.problems import Problem
from httpcache.purge.receipts import Ledger
from httpcache.purge.tokens import node_token, shown_header, verify_order_token
from httpcache.settings import Settings

log = logging.getLogger("edgeward.purge")

NOTHING = Order(Kind.TAG, ())
"""What stands in the log for a message that is no order: it names nothing, but has its number."""

ANYTHING = Order(Kind.EVERYTHING, (), soft=True)
"""What stands for an order whose signer is not known here, or not any more: whatever it named is validated."""

TELL_EVERY = 0.02
"""Seconds between two looks at whether there is something to tell other nodes."""
CANCEL_AGAIN = 0.1
"""Seconds after which a task that goes on is cancelled once more."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
"""Pauses before connecting again, in seconds: doubled at each failure, and shortened at random."""


class Progress(msgspec.Struct, frozen=True):
    """What a node tells in the bucket: how far its workers are, who of them follows, signed as the node."""

    epoch: int
    workers: tuple[tuple[int, bool], ...]


class Signed(msgspec.Struct, frozen=True):
    """A node's token, and the body that it is bound to."""

    token: str
    body: bytes


class Mirror:
    """Follows the bus for one node. `appended` is called on the event loop, once for each run of new orders."""

    def __init__(
        self,
        settings: Settings,
        key: PrivateKey,
        gate: Gate,
        door: LogDoor,
        appended: Callable[[Sequence[Logged]], None],
    ) -> None:
        self._settings = settings
        self._key = key
        self._gate = gate
        self._door = door
        self._appended = appended
        self._ledger: Ledger | None = None
        self._bus: Bus | None = None
        self._task: asyncio.Task[None] | None = None
        self._heard_at = float("-inf")
        self._complaint = ""

    def start(self, ledger: Ledger) -> None:
        """Begin to follow."""
        self._ledger = ledger
        self._task = asyncio.create_task(self._follow_on())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            await _end([self._task])

    def behind(self) -> float:
        """Seconds since the mirror was last known to be at the end of the log."""
        return clock.monotonic() - self._heard_at

    async def append(self, wish: Wish) -> tuple[Logged, ...]:
        """Publish one order; none when its token has been used. Raises BusError, also when nobody can tell whether."""
        if self._bus is None:
            raise BusError("NATS: not connected")
        n = await self._bus.publish(wish.body, wish.token, f"{wish.who}.{wish.jti}")
        return () if n is None else (Logged(n, wish.orders[0], wish.who, wish.at),)

    async def retire(self, node: str) -> None:
        """Have every node forget a node. Raises BusError."""
        if self._bus is None:
            raise BusError("NATS: not connected")
        await self._bus.retire(node)

    async def _follow_on(self) -> None:
        failures = 0
        while True:
            bus = Bus(self._settings.purge, self._settings.node_name)
            try:
                await bus.open()
                self._bus, failures = bus, 0
                await self._follow(bus)
            except BusError as error:
                self._complain(error)
            except Exception:
                log.exception("following the purge bus failed")
            finally:
                self._bus = None
                await bus.close()
            pause = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** min(failures, 10))
            failures += 1
            await asyncio.sleep(pause * random.uniform(0.5, 1))

    def _complain(self, error: Exception) -> None:
        if str(error) != self._complaint:
            self._complaint = str(error)
            log.warning("not following the purge bus: %s", error)

    async def _follow(self, bus: Bus) -> None:
        """One connection: orders, what others tell, and what this node tells; until one of them ends."""
        works = (self._take(bus), self._listen(bus), self._tell_often(bus), bus.lost())
        tasks = [asyncio.create_task(one) for one in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            await _end(tasks)

    async def _take(self, bus: Bus) -> None:
        end = await bus.end()
        purge_log, heartbeat = self._door.log, self._settings.purge.heartbeat
        if end.epoch == purge_log.epoch and end.last < purge_log.newest:
            raise BusError(
                "the stream has lost orders that were applied: delete it, which begins a new epoch"
            )
        await self._door.run(purge_log.follow, end.epoch, end.first)
        assert self._ledger is not None
        self._ledger.begin(end.epoch)
        self._appended(())
        async with bus.messages(purge_log.newest) as next_run:
            asked = float("-inf")
            while True:
                if clock.monotonic() - asked >= heartbeat:
                    asked = clock.monotonic()
                    end = await bus.end()
                    if end.epoch != purge_log.epoch:
                        raise BusError("the stream has been made anew")
                if purge_log.newest >= end.last:
                    self._heard(asked)
                run = await next_run(heartbeat / 2)
                if run:
                    await self._append(run)
                elif purge_log.newest < end.last:
                    raise BusError("messages do not come")

    def _heard(self, at: float) -> None:
        self._heard_at = max(self._heard_at, at)
        if self._complaint:
            self._complaint = ""
            log.info("following the purge bus, at %d.%d", self._door.log.epoch, self._door.log.newest)

    async def _append(self, run: Sequence[Message]) -> None:
        purge_log = self._door.log
        if [message.n for message in run] != list(
            range(purge_log.newest + 1, purge_log.newest + 1 + len(run))
        ):
            raise BusError("a message is missing")
        made = await asyncio.to_thread(lambda: [self._opened(message) for message in run])
        await self._door.run(purge_log.take, made)
        self._appended(made)

    def _opened(self, message: Message) -> Logged:
        """The order of a message: its own token proves it, as of when the server took it."""
        find, audience = self._gate.operators.by_kid, self._settings.purge.audience
        signer = verify_order_token(message.token, message.body, audience, find, message.at)
        problem: Problem | None = None
        if isinstance(signer, Problem):
            problem = signer
        else:
            claims, key = signer
            parsed = parse_orders(message.body, self._settings.purge.targets, 1)
            if not isinstance(parsed, Problem) and not claims.missing_for(parsed[0][0]):
                return Logged(message.n, parsed[0][0], key.name, message.at)
            problem = parsed if isinstance(parsed, Problem) else claims.missing_for(parsed[0][0])
        error = problem.error if problem else ""
        is_unknown = error == "key-unknown" and bool(shown_header(message.token))
        log.error("message %d of the purge bus is not an order that can be believed: %s", message.n, error)
        return Logged(message.n, ANYTHING if is_unknown else NOTHING, "?", message.at)

    async def _tell_often(self, bus: Bus) -> None:
        assert self._ledger is not None
        node, last, at = self._settings.node_name, None, float("-inf")
        while True:
            progress = Progress(self._door.log.epoch, self._ledger.progress(node))
            if progress != last or clock.monotonic() - at >= self._settings.purge.heartbeat:
                body = msgspec.json.encode(progress)
                token = await asyncio.to_thread(node_token, self._key, body, clock.now())
                await bus.tell(node, msgspec.msgpack.encode(Signed(token, body)))
                last, at = progress, clock.monotonic()
            await asyncio.sleep(TELL_EVERY)

    async def _listen(self, bus: Bus) -> None:
        assert self._ledger is not None
        async for told in bus.told():
            if told.node == self._settings.node_name:
                continue
            if not told.value:
                await asyncio.to_thread(self._gate.forget, told.node)
                self._ledger.retire(told.node)
                continue
            progress = await self._believed(told)
            if progress is not None and progress.epoch == self._door.log.epoch:
                self._ledger.told(told.node, progress.workers, told.at)

    async def _believed(self, told: Told) -> Progress | None:
        """What a node tells, if it is signed as that node; a node that is not on file is enrolled where that is on."""
        with contextlib.suppress(msgspec.MsgspecError):
            signed = msgspec.msgpack.decode(told.value, type=Signed)
            host = urlsplit(self._settings.purge.bus.partition(",")[0]).hostname
            claims = await self._gate.node(signed.token, signed.body, host, told.at)
            if not isinstance(claims, Problem) and claims.sub == told.node:
                return msgspec.json.decode(signed.body, type=Progress)
        log.error("what %s tells on the purge bus is not signed by it", told.node)
        return None


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended: a wait_for inside the client that is over at that moment swallows it once."""
    while left := [one for one in tasks if not one.done()]:
        for one in left:
            one.cancel()
        await asyncio.wait(left, timeout=CANCEL_AGAIN)
    for one in tasks:
        if not one.cancelled():
            one.exception()  # it has been told, or is told by the one that failed first
