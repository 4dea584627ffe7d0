"""A node's mirror of the log that lives on a bus: verified, kept in the node's own log, fed to its workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import msgspec

from httpcache import clock
from httpcache.purge.bus import Bus, BusError, End, Message, Told, Unbelieved, Uncertain
from httpcache.purge.bus_counting import BusCounting
from httpcache.purge.bus_orders import MOST_ORDERS, UNBELIEVED, end_of, message_of, opened
from httpcache.purge.bus_runs import RUN, Progress, Runs
from httpcache.purge.bus_signed import Signed, retires, seal, unseal
from httpcache.purge.counting import Row
from httpcache.purge.gate import Gate
from httpcache.purge.keys import PrivateKey
from httpcache.purge.log import Logged, Wish
from httpcache.purge.log_door import LogDoor
from httpcache.purge.orders import Order
from httpcache.purge.receipts import Ledger
from httpcache.settings import Settings

log = logging.getLogger("edgeward.purge")

OWN_WAIT = 5.0
"""Longest wait for an order to come back from the bus, in seconds."""
TELL_EVERY = 0.02
"""Seconds between two looks at whether there is something to tell other nodes."""
SAME = 0.001
"""Seconds by which two readings of when the server took a message may differ."""
LONGEST_TURN = 1.0
"""Longest wait of one who has seen that the stream has lost orders, in seconds."""
SILENT_HEARTBEATS = 3
"""Heartbeats after which a run of a node that says nothing is over."""
CANCEL_AGAIN = 0.1
"""Seconds after which a task that goes on is cancelled once more."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
"""Pauses before connecting again, in seconds: doubled at each failure, and shortened at random."""


class Mirror:
    """Follows the bus for one node.

    `appended` is called on the event loop for each run of new orders, with the number that they go on behind; `count`
    counts with the node's own workers what dry orders match.
    """

    def __init__(
        self,
        settings: Settings,
        key: PrivateKey,
        gate: Gate,
        door: LogDoor,
        appended: Callable[[int, Sequence[Logged]], None],
        count: Callable[[tuple[Order, ...], float], Awaitable[Row]],
    ) -> None:
        self._settings = settings
        self._key = key
        self._gate = gate
        self._door = door
        self._appended = appended
        self._counting = BusCounting(settings, key, gate, count)
        self._ledger: Ledger | None = None
        self._bus: Bus | None = None
        self._task: asyncio.Task[None] | None = None
        self._heard_at = float("-inf")
        self._complaint = ""
        self._has_renewed = False
        self._runs = Runs(SILENT_HEARTBEATS * settings.purge.heartbeat)
        self._taken = asyncio.Event()
        self._is_named = asyncio.Event()

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
        """Publish orders, as one message: all or none. None when their token has been used.

        Raises BusError: Uncertain when nobody can tell whether, Unbelieved when nodes will not apply it, and TooLarge.
        """
        bus = self._bus
        if bus is None:
            raise BusError("NATS: not connected")
        epoch = (await bus.end()).epoch
        n = await bus.publish(wish.body, wish.token, f"{wish.who}.{wish.jti}")
        if n is None:
            return ()
        made = await self._made_of(bus, epoch, n)
        if not made or made[0].who == UNBELIEVED:
            raise Unbelieved("the order is on the bus, but cannot be believed there")
        return made

    async def _made_of(self, bus: Bus, epoch: int, message: int) -> tuple[Logged, ...]:
        """What this node has made of a message, as others do. Raises Uncertain when it does not come in a while.

        The stream may have been made anew a moment ago, and this node's log still be of the one before.
        """
        purge_log = self._door.log
        try:
            async with asyncio.timeout(OWN_WAIT):
                while purge_log.epoch != epoch or purge_log.newest < end_of(message):
                    await self._taken.wait()
                is_same = (await bus.end()).epoch == epoch
        except TimeoutError as error:
            raise Uncertain("the order is on the bus, but does not come back from there") from error
        except BusError as error:
            raise Uncertain(str(error)) from error
        found = await self._door.run(purge_log.after, end_of(message - 1), MOST_ORDERS)
        if not is_same or purge_log.epoch != epoch:
            raise Uncertain("the stream was made anew meanwhile")
        return tuple(logged for logged in found if logged.n <= end_of(message))

    async def counted(self, dry: Wish, wait: float) -> list[Row]:
        """What dry orders match on every node of the bus, in at most `wait` seconds and a bit. Raises BusError."""
        if self._bus is None or self._ledger is None:
            raise BusError("NATS: not connected")
        ledger, own = self._ledger, self._settings.node_name

        def others() -> dict[str, bool]:
            return {node: follows for node, follows in ledger.present(clock.now()).items() if node != own}

        return await self._counting.ask(self._bus, dry, wait, others)

    async def retire(self, node: str, body: bytes, token: str) -> None:
        """Have every node forget a node, by an operator's word. Raises BusError."""
        if self._bus is None:
            raise BusError("NATS: not connected")
        await self._bus.tell(node, msgspec.msgpack.encode(Signed(token, body)))

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
        works = (
            self._take(bus),
            self._listen(bus),
            self._tell_often(bus),
            self._counting.answer(bus),
            bus.lost(),
        )
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
        if not await self._goes_on(bus, end):
            await self._renew(bus, end)
        await self._door.run(purge_log.follow, end.epoch, end_of(end.first - 1) + 1)
        assert self._ledger is not None
        self._ledger.begin(end.epoch)
        self._appended(purge_log.newest, ())
        await self._is_named.wait()  # a node that answers must be named by receipts
        async with bus.messages(message_of(purge_log.newest)) as next_run:
            asked = float("-inf")
            while True:
                if clock.monotonic() - asked >= heartbeat:
                    asked = clock.monotonic()
                    end = await bus.end()
                    if end.epoch != purge_log.epoch:
                        raise BusError("the stream has been made anew")
                if purge_log.newest >= end_of(end.last):
                    self._heard(asked)
                run = await next_run(heartbeat / 2)
                if run:
                    await self._append(run)
                elif purge_log.newest < end_of(end.last):
                    raise BusError("messages do not come")

    async def _goes_on(self, bus: Bus, end: End) -> bool:
        """Whether the stream has what this node has applied: one from a backup ends before it, or has gone on anew."""
        newest = self._door.log.newest
        message, held = message_of(newest), await self._door.run(self._door.log.after, newest - 1, 1)
        if end.epoch != self._door.log.epoch or message < end.first or not held:
            return True
        return message <= end.last and abs(await bus.taken_at(message) - held[0].at) < SAME

    async def _renew(self, bus: Bus, end: End) -> NoReturn:
        """Have the stream made anew; once in a run, as nobody may have all validated at his will. Raises BusError."""
        if self._has_renewed:
            raise BusError("the stream has lost orders again: delete it, which begins a new epoch")
        await asyncio.sleep(random.uniform(0, LONGEST_TURN))  # others may have seen it, too: one is the first
        if (await bus.end()).epoch == end.epoch:
            self._has_renewed = True
            log.error(
                "the stream of orders has lost some that %s has applied. It is made anew: a new epoch, in which all "
                "that is stored is validated",
                self._settings.node_name,
            )
            await bus.remake()
        raise BusError("the stream has been made anew")

    def _heard(self, at: float) -> None:
        self._heard_at = max(self._heard_at, at)
        if self._complaint:
            self._complaint = ""
            log.info("following the purge bus, at %d.%d", self._door.log.epoch, self._door.log.newest)

    async def _append(self, run: Sequence[Message]) -> None:
        purge_log = self._door.log
        first = message_of(purge_log.newest) + 1
        if [message.n for message in run] != list(range(first, first + len(run))):
            raise BusError("a message is missing")
        audience, after = self._settings.purge.audience, purge_log.newest
        received = await asyncio.to_thread(lambda: [opened(one, self._gate, audience) for one in run])
        self._appended(after, await self._door.run(purge_log.take, received))
        self._taken.set()
        self._taken = asyncio.Event()

    async def _tell_often(self, bus: Bus) -> None:
        assert self._ledger is not None
        node, last, at = self._settings.node_name, None, float("-inf")
        while True:
            # The epoch that the rows are of: the log itself may be of the next one already.
            progress = Progress(self._ledger.epoch, self._ledger.progress(node), RUN)
            if progress != last or clock.monotonic() - at >= self._settings.purge.heartbeat:
                body = msgspec.json.encode(progress)
                await bus.tell(node, await seal(self._key, body))
                self._is_named.set()
                last, at = progress, clock.monotonic()
            await asyncio.sleep(TELL_EVERY)

    async def _listen(self, bus: Bus) -> None:
        assert self._ledger is not None
        async for told in bus.told():
            try:
                await self._hear(told)
            except Exception:  # whatever one value is, the others count
                log.exception("what %s tells on the purge bus cannot be read", told.node)

    async def _hear(self, told: Told) -> None:
        assert self._ledger is not None
        is_own = told.node == self._settings.node_name
        if not told.value:
            log.warning(
                "somebody took %s out of the purge bus: it is waited for until it is retired", told.node
            )
            return
        if not is_own and await retires(self._gate, self._settings.purge, told.value, told.node, told.at):
            await asyncio.to_thread(self._gate.forget, told.node)
            self._ledger.retire(told.node)
            return
        progress = await self._believed(told)
        if progress is None:
            return
        workers = self._runs.told(told.node, progress, told.at)
        if not is_own and progress.epoch == self._ledger.epoch:
            self._ledger.told(told.node, workers, told.at)

    async def _believed(self, told: Told) -> Progress | None:
        """What a node tells, if it is signed as that node."""
        signed = await unseal(self._gate, self._settings.purge, told.value, told.at)
        with contextlib.suppress(msgspec.MsgspecError):
            if signed is not None and signed[0] == told.node:
                return msgspec.json.decode(signed[1], type=Progress)
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
