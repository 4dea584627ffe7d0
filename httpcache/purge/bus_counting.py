"""Dry orders on a bus: a node asks every other one what it holds, and each counts with its own workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sys
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from httpcache import clock
from httpcache.purge.batches import parse_orders
from httpcache.purge.bus import Bus, Question
from httpcache.purge.bus_orders import MOST_ORDERS
from httpcache.purge.bus_signed import seal, unseal
from httpcache.purge.counting import Row
from httpcache.purge.gate import Gate
from httpcache.purge.keys import PrivateKey
from httpcache.purge.log import Wish
from httpcache.purge.orders import LONGEST_WAIT, Order
from httpcache.purge.problems import Problem
from httpcache.settings import Settings

log = logging.getLogger("edgeward.purge")

BEYOND_WAIT = 1.0
"""How much longer than a node may count its answer is waited for, in seconds."""
MOST_OPEN = 8
"""Questions that a node works on at once; more are not answered, which their asker tells."""
REMEMBERED = 1024
"""Questions that are known when they come once more."""


class Asked(msgspec.Struct, frozen=True):
    """A question: a dry order as its operator signed it, how long it may take (in seconds), and its name."""

    name: str
    token: str
    order: bytes
    wait: float


class Found(msgspec.Struct, frozen=True):
    """What a node found for the question of that name."""

    name: str
    state: str
    matched: int
    exact: bool


class BusCounting:
    """One node's part. `count` counts with the node's own workers, for at most so many seconds: the node's row."""

    def __init__(
        self,
        settings: Settings,
        key: PrivateKey,
        gate: Gate,
        count: Callable[[tuple[Order, ...], float], Awaitable[Row]],
    ) -> None:
        self._settings = settings
        self._key = key
        self._gate = gate
        self._count = count
        self._seen: deque[str] = deque(maxlen=REMEMBERED)

    async def ask(self, bus: Bus, dry: Wish, wait: float, others: Callable[[], dict[str, bool]]) -> list[Row]:
        """The row of every node: of this one, and of `others` (by name: whether it follows the log).

        One that follows and does not answer in time is `late`. Raises BusError.
        """
        asked = Asked(secrets.token_urlsafe(12), dry.token, dry.body, wait)
        found: dict[str, Row] = {}
        own = asyncio.ensure_future(self._count(dry.orders, wait))
        try:
            async with bus.asked(await seal(self._key, msgspec.json.encode(asked))) as next_answer:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait + BEYOND_WAIT):
                        while any(node not in found for node, follows in others().items() if follows):
                            row = await self._row(await next_answer(), asked.name)
                            if row is not None:
                                found[row["node"]] = row
            silent = {node: _silent(node, follows) for node, follows in others().items()}
            rows = [await own, *(silent | found).values()]
        finally:
            own.cancel()
        return sorted(rows, key=lambda row: str(row["node"]))

    async def _row(self, text: bytes, name: str) -> Row | None:
        """What another node answers to the question of that name, if it has signed that itself."""
        believed = await unseal(self._gate, self._settings.purge, text, clock.now())
        if believed is None:
            return None
        node, body = believed
        try:
            told = msgspec.json.decode(body, type=Found)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        if told.name != name or node == self._settings.node_name or told.matched < 0:
            return None
        state = told.state if told.state in ("counted", "late", "away") else "late"
        return {"node": node, "state": state, "matched": told.matched, "exact": told.exact}

    async def answer(self, bus: Bus) -> None:
        """Answer what other nodes ask, until the connection is lost."""
        working: set[asyncio.Task[None]] = set()
        try:
            async with bus.questions() as next_question:
                while True:
                    question = await next_question()
                    if len(working) < MOST_OPEN:
                        working.add(task := asyncio.create_task(self._answer(bus, question)))
                        task.add_done_callback(working.discard)
        finally:
            for task in working:
                task.cancel()

    async def _answer(self, bus: Bus, question: Question) -> None:
        try:
            asked = await self._believed(question)
            if asked is None:
                return
            orders, name, wait = asked
            row = await self._count(orders, wait)
            told = Found(name, row["state"], row["matched"], row["exact"])
            await bus.reply(question, await seal(self._key, msgspec.json.encode(told)))
        except OSError as error:
            log.warning("a question on the purge bus could not be answered: %s", error)

    async def _believed(self, question: Question) -> tuple[tuple[Order, ...], str, float] | None:
        """What is asked, its name, and how long it may take: a node asks, for an operator who may order that."""
        believed = await unseal(self._gate, self._settings.purge, question.text, clock.now())
        if believed is None or believed[0] == self._settings.node_name:
            return None
        try:
            asked = msgspec.json.decode(believed[1], type=Asked)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        if asked.name in self._seen or not 0 <= asked.wait <= LONGEST_WAIT:
            return None
        self._seen.append(asked.name)
        signer = await self._gate.operator(asked.token, asked.order)
        parsed = parse_orders(asked.order, sys.maxsize, MOST_ORDERS, dry=True)
        if isinstance(signer, Problem) or isinstance(parsed, Problem):
            log.error("%s asks on the purge bus what no operator has asked", believed[0])
            return None
        if any(map(signer[0].missing_for, parsed[0])):
            return None
        return parsed[0], asked.name, asked.wait


def _silent(node: str, follows: bool) -> Row:
    return {"node": node, "state": "late" if follows else "away", "matched": 0, "exact": False}
