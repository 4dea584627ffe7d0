"""Drives a workload against its targets, closed loop by concurrency or open loop by rate."""

from __future__ import annotations

import asyncio
import contextlib
import random
from array import array
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic, time

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
    """A run, while it goes on and when it is over.

    `tally` is of what is measured, since `began` (Unix seconds); `warming` of the warm-up. By number of the request,
    of both: `asked` has its target, `sent` when it was sent (monotonic seconds), `hit_at` how many tiers away from the
    client it hit, from 1; 0 where it did not.
    """

    workload: Workload
    pace: Pace
    tally: Tally = field(default_factory=Tally)
    warming: Tally = field(default_factory=Tally)
    began: float = 0.0
    seconds: float = 0.0
    late: int = 0
    asked: array[int] = field(default_factory=lambda: array("H"))
    sent: array[float] = field(default_factory=lambda: array("d"))
    hit_at: bytearray = field(default_factory=bytearray)

    @property
    def done(self) -> int:
        """Requests measured that are over, well or not."""
        return self.tally.answers + self.tally.errors.total()

    @property
    def over(self) -> int:
        """Requests that are over, those of the warm-up too."""
        return self.done + self.warming.answers + self.warming.errors.total()

    @property
    def running_hit_ratio(self) -> float:
        """Share of requests that the edges have answered from their stores: of what is measured, as soon as it is."""
        return (self.tally if self.done else self.warming).running_hit_ratio


async def drive(
    run: Run,
    targets: Sequence[Target],
    seed: int,
    *,
    progress: Callable[[], None] | None = None,
    warmed_up: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Send the whole workload; each request goes to a target drawn by `seed`.

    What is measured begins when the warm-up is over to the last request and `warmed_up` has returned.
    """
    draw, count = random.Random(f"targets {seed}"), len(run.workload.sequence)
    run.asked = array("H", (draw.randrange(len(targets)) for _ in range(count)))
    run.sent, run.hit_at = array("d", bytes(8 * count)), bytearray(count)
    watch = asyncio.create_task(_watch(run, targets, progress))
    try:
        await _send(run, targets, range(min(run.workload.warm_up, count)), run.warming)
        run.late = 0
        if warmed_up is not None:
            await warmed_up()
        started, run.began = monotonic(), time()
        await _send(run, targets, range(run.workload.warm_up, count), run.tally)
        run.seconds = monotonic() - started
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
        if progress is not None:
            progress()


async def _send(run: Run, targets: Sequence[Target], numbers: range, tally: Tally) -> None:
    started, turns = monotonic(), iter(numbers)
    async with asyncio.TaskGroup() as group:
        for _ in range(min(run.pace.concurrency, len(numbers))):
            group.create_task(_ask_in_turn(run, targets, turns, tally, started - _due(run, numbers.start)))


def _due(run: Run, number: int) -> float:
    """When a request is due, in seconds after the first; 0 in a closed loop."""
    return number / run.pace.rate if run.pace.rate is not None else 0.0


async def _ask_in_turn(
    run: Run, targets: Sequence[Target], turns: Iterator[int], tally: Tally, first: float
) -> None:
    workload = run.workload
    for number in turns:
        index, intended = workload.sequence[number], monotonic()
        if run.pace.rate is not None:
            # From the intended start: a server that stalls must not be asked less and look better for it.
            now, intended = intended, first + _due(run, number)
            if intended > now:
                await asyncio.sleep(intended - now)
            elif now - intended > LATE:
                run.late += 1
        run.sent[number] = monotonic()
        try:
            reply = await targets[run.asked[number]].ask(workload.path(index))
        except AskError as error:
            tally.errors[str(error)] += 1
            continue
        if reply.status != 200:
            tally.errors[f"status {reply.status}"] += 1
        elif reply.octets != workload.sizes[index]:
            tally.errors["wrong length"] += 1
        else:
            run.hit_at[number] = tally.add(reply.cache_status, reply.octets, monotonic() - intended)


async def _watch(run: Run, targets: Sequence[Target], progress: Callable[[], None] | None) -> None:
    """Show progress, and give up what takes too long."""
    while True:
        await asyncio.sleep(0.2)
        for target in targets:
            target.expire(monotonic() - run.pace.timeout)
        if progress is not None:
            progress()
