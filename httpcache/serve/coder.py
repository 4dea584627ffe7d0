"""Runs what makes coded forms: one form at a time, its work in a thread that gives way to everything else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

MOST_WAITING = 256
"""Forms that may wait to be made; beyond it a form is made when it is next asked for."""

GIVEN_UP = 4096
"""Forms remembered as not to be made: what they are of cannot be decoded, or was lost."""

NICE = 10
"""How far the thread's work stands behind that of the event loops, as `nice` counts."""

Arguments = ParamSpec("Arguments")
Made = TypeVar("Made")


class Coder:
    """Makes forms off the event loop, each once."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="coder", initializer=_give_way)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._given_up: dict[str, None] = {}
        self.turn = asyncio.Semaphore(1)
        """Held while the octets of a body are read and coded: those of one at a time stand in RAM."""

    def schedule(self, name: str, make: Callable[[], Awaitable[bool]]) -> None:
        """Have the form of that name made by `make()`, unless that is under way; False from it is for good."""
        if name in self._under_way or name in self._given_up or len(self._under_way) >= MOST_WAITING:
            return
        task = asyncio.get_running_loop().create_task(self._make(name, make))
        self._under_way[name] = task
        task.add_done_callback(lambda _: self._under_way.pop(name, None))

    async def _make(self, name: str, make: Callable[[], Awaitable[bool]]) -> None:
        if await make():
            return
        self._given_up[name] = None
        if len(self._given_up) > GIVEN_UP:
            del self._given_up[next(iter(self._given_up))]

    async def work(
        self, function: Callable[Arguments, Made], *arguments: Arguments.args, **more: Arguments.kwargs
    ) -> Made:
        """Have a piece of work done in the thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function(*arguments, **more))

    async def settle(self) -> None:
        """Wait for every form under way."""
        while self._under_way:
            await asyncio.wait(list(self._under_way.values()))

    def close(self) -> None:
        """Drop what waits."""
        for task in self._under_way.values():
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _give_way() -> None:
    """Linux weighs each thread by itself: clients come before forms that are for later."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
