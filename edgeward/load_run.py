"""Drives a workload against its targets, closed loop by concurrency or open loop by rate."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic

from edgeward.load_client import AskError, Target
from edgeward.load_tally import Tally
from edgeward.load_workload import Workload

LATE = 0.01
"""An open-loop request sent this much after its intended start counts as late, in seconds."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How requests are sent: `concurrency` at a time; with `rate`, each at its own time, that many a second."""

    concurrency: int = 64
    rate: float | None = None
    timeout: float = 60.0


@dataclass(slots=True)
class Run:
    """A run, while it goes on and when it is over."""

    workload: Workload
    pace: Pace
    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    late: int = 0

    @property
    def done(self) -> int:
        """Requests that are over, well or not."""
        return self.tally.answers + self.tally.errors.total()


async def drive(
    run: Run, targets: Sequence[Target], seed: int, progress: Callable[[], None] | None = None
) -> None:
    """Send the whole workload; each request goes to a target drawn by `seed`."""
    draw = random.Random(f"targets {seed}")
    turns = iter([(index, draw.choice(targets)) for index in run.workload.sequence])
    started = monotonic()
    numbered = enumerate(turns)
    watch = asyncio.create_task(_watch(run, targets, progress))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(run.pace.concurrency, len(run.workload.sequence))):
                group.create_task(_ask_in_turn(run, numbered, started))
    finally:
        run.seconds = monotonic() - started
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        if progress is not None:
            progress()


async def _ask_in_turn(run: Run, turns: Iterator[tuple[int, tuple[int, Target]]], started: float) -> None:
    workload, tally, rate = run.workload, run.tally, run.pace.rate
    for number, (index, target) in turns:
        intended = monotonic()
        if rate is not None:
            # From the intended start: a server that stalls must not be asked less and look better for it.
            now, intended = intended, started + number / rate
            if intended > now:
                await asyncio.sleep(intended - now)
            elif now - intended > LATE:
                run.late += 1
        try:
            reply = await target.ask(workload.path(index))
        except AskError as error:
            tally.errors[str(error)] += 1
            continue
        if reply.status != 200:
            tally.errors[f"status {reply.status}"] += 1
        elif reply.octets != workload.sizes[index]:
            tally.errors["wrong length"] += 1
        else:
            tally.add(reply.cache_status, reply.octets, monotonic() - intended)


async def _watch(run: Run, targets: Sequence[Target], progress: Callable[[], None] | None) -> None:
    """Show progress, and give up what takes too long."""
    while True:
        await asyncio.sleep(0.2)
        for target in targets:
            target.expire(monotonic() - run.pace.timeout)
        if progress is not None:
            progress()
