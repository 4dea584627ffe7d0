"""Receipts: which workers of which nodes there are, how far each has confirmed, and who waits for that."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from httpcache.messages import PurgeMark

MOST_WORKERS = 256
"""Workers of one node."""
POINTS = 4096
"""Acknowledgements remembered of each worker, so that receipts tell when it had applied an order."""


@dataclass(slots=True)
class WorkerRow:
    """One worker: the n it has durably applied, when it was last heard (Unix seconds), its open feeds."""

    n: int = 0
    heard: float = 0.0
    feeds: int = 0
    unknown: int = 0
    points: deque[tuple[int, float]] = field(default_factory=deque)

    def reach(self, n: int, now: float) -> None:
        """It has acknowledged `n`."""
        self.n = n
        self.points.append((n, now))
        if len(self.points) > POINTS:
            self.unknown = self.points.popleft()[0]

    def applied_at(self, n: int) -> float | None:
        """When it acknowledged `n`; None when that is not remembered: for what is up to `unknown`."""
        if n <= self.unknown:
            return None
        return next((at for reached, at in self.points if reached >= n), None)


class Ledger:
    """The nodes that follow the log, from their first contact until they are retired. All calls on one event loop.

    `silence` is how long a worker with an open feed may say nothing before it counts as away, in seconds.
    """

    def __init__(self, epoch: int, silence: float) -> None:
        self.epoch = epoch
        self.is_changed = False
        self._silence = silence
        self._nodes: dict[str, list[WorkerRow]] = {}
        self._waiters: list[tuple[int, str | None, asyncio.Future[None]]] = []

    def register(self, node: str, workers: int, now: float) -> bool:
        """A node and how many workers it runs; those it no longer runs are forgotten. Whether that is new."""
        rows = self._nodes.setdefault(node, [])
        if len(rows) == workers:
            return False
        del rows[workers:]
        rows += [WorkerRow(heard=now) for _ in range(workers - len(rows))]
        self.is_changed = True
        self._wake()
        return True

    def knows(self, node: str) -> bool:
        """Whether there is a node of that name."""
        return node in self._nodes

    def is_heard(self, node: str, index: int, now: float) -> bool:
        """Whether a worker follows and has been heard of lately."""
        row = self._row(node, index)
        return row is not None and row.feeds > 0 and now - row.heard <= self._silence

    def retire(self, node: str) -> bool:
        """Forget a node that has left for good; False when there is none of that name."""
        known = self._nodes.pop(node, None) is not None
        self.is_changed |= known
        self._wake()
        return known

    def feed_opened(self, node: str, index: int, n: int, now: float) -> None:
        """A worker follows; it asked for what comes after `n`, so it has applied `n`."""
        row = self._row(node, index)
        if row is not None:
            row.feeds += 1
        self.acknowledge(node, index, n, now)

    def feed_closed(self, node: str, index: int, now: float) -> None:
        """A worker no longer follows."""
        row = self._row(node, index)
        if row is not None:
            row.feeds = max(0, row.feeds - 1)
            row.heard = max(row.heard, now)
            self.is_changed = True

    def acknowledge(self, node: str, index: int, n: int, now: float) -> None:
        """A worker has durably applied every order up to `n` of this epoch."""
        row = self._row(node, index)
        if row is None:
            return
        row.heard = now
        if n > row.n:
            row.reach(n, now)
            self.is_changed = True
            self._wake()

    def begin(self, epoch: int) -> None:
        """The log is of this epoch: in another one nobody has confirmed anything."""
        if epoch == self.epoch:
            return
        self.epoch, self.is_changed = epoch, True
        for rows in self._nodes.values():
            rows[:] = [WorkerRow(heard=row.heard, feeds=row.feeds) for row in rows]

    def progress(self, node: str) -> tuple[tuple[int, bool], ...]:
        """Of each worker of a node, what it has applied and whether it follows."""
        return tuple((row.n, row.feeds > 0) for row in self._nodes.get(node, []))

    def told(self, node: str, workers: Sequence[tuple[int, bool]], at: float) -> None:
        """What another node tells of its own workers, as of Unix time `at`."""
        self.register(node, len(workers), at)
        for index, (n, follows) in enumerate(workers):
            self._nodes[node][index].feeds = int(follows)
            self.acknowledge(node, index, n, at)

    def least(self, node: str | None = None) -> int:
        """How far every worker, of one node or of all, has confirmed."""
        nodes = self._nodes.values() if node is None else (self._nodes.get(node, []),)
        return min((row.n for rows in nodes for row in rows), default=0)

    def following(self) -> dict[str, list[int]]:
        """Every node, with the indices of those of its workers that follow now."""
        return {
            name: [index for index, row in enumerate(rows) if row.feeds]
            for name, rows in sorted(self._nodes.items())
        }

    def present(self, now: float) -> dict[str, bool]:
        """Every node, and whether any of its workers follows and has been heard of lately."""
        return {
            name: any(row.feeds > 0 and now - row.heard <= self._silence for row in rows)
            for name, rows in sorted(self._nodes.items())
        }

    async def confirmed(self, n: int, timeout: float, node: str | None = None) -> bool:
        """Wait until every worker, of one node or of all, has confirmed `n`; False after `timeout` seconds."""
        if self.least(node) >= n:
            return True
        waiter = (n, node, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter[2]
        except TimeoutError:
            return False
        finally:
            self._waiters = [one for one in self._waiters if one is not waiter]
        return True

    def rows(self, n: int, now: float) -> list[dict[str, Any]]:
        """The receipt's rows for order `n`: each node with its workers. Times are Unix seconds."""
        return [self._node_row(name, rows, n, now) for name, rows in sorted(self._nodes.items())]

    def nodes(self, now: float) -> list[dict[str, Any]]:
        """Each node with its workers: how far it has applied the log, and since when it is away. Unix seconds."""
        found = self.rows(0, now)
        for node in found:
            rows = self._nodes[node["node"]]
            for worker, row in zip(node["workers"], rows, strict=True):
                follows = row.feeds > 0 and now - row.heard <= self._silence
                worker |= {"state": "following" if follows else "away", "applied": row.n}
                worker |= {"heard_at": round(row.heard, 3)}
            away = [worker for worker in node["workers"] if worker["state"] == "away"]
            node["state"] = "away" if away else "following"
            node["applied"] = min((row.n for row in rows), default=0)
        return found

    def document(self) -> dict[str, Any]:
        """What is kept over a restart."""
        nodes = {name: [[row.n, row.heard] for row in rows] for name, rows in self._nodes.items()}
        return {"epoch": self.epoch, "nodes": nodes}

    def restore(self, document: dict[str, Any]) -> PurgeMark:
        """Take what was kept; the furthest that a worker had confirmed.

        Raises KeyError, TypeError or ValueError when it is malformed.
        """
        epoch = int(document["epoch"])
        same_epoch = epoch == self.epoch
        for name, rows in document["nodes"].items():
            self._nodes[str(name)] = [
                WorkerRow(int(n), float(heard), unknown=int(n)) if same_epoch else WorkerRow(0, float(heard))
                for n, heard in rows
            ]
        return PurgeMark(
            epoch, max((int(n) for rows in document["nodes"].values() for n, _ in rows), default=0)
        )

    def _row(self, node: str, index: int) -> WorkerRow | None:
        rows = self._nodes.get(node, [])
        return rows[index] if index < len(rows) else None

    def _wake(self) -> None:
        least: dict[str | None, int] = {}
        for n, node, future in self._waiters:
            if node not in least:
                least[node] = self.least(node)
            if least[node] >= n and not future.done():
                future.set_result(None)

    def _node_row(self, name: str, rows: list[WorkerRow], n: int, now: float) -> dict[str, Any]:
        workers = [self._worker_row(f"{name}/{index}", row, n, now) for index, row in enumerate(rows)]
        states = {worker["state"] for worker in workers}
        state = next((state for state in ("away", "waiting") if state in states), "confirmed")
        made: dict[str, Any] = {"node": name, "state": state, "workers": workers}
        applied = [worker["applied_at"] for worker in workers if "applied_at" in worker]
        if state == "confirmed" and applied:
            made["applied_at"] = max(applied)
        if state == "away":
            made["since"] = min(worker["since"] for worker in workers if "since" in worker)
        return made

    def _worker_row(self, worker: str, row: WorkerRow, n: int, now: float) -> dict[str, Any]:
        if row.n >= n:
            at = row.applied_at(n)
            return {"worker": worker, "state": "confirmed"} | (
                {} if at is None else {"applied_at": round(at, 3)}
            )
        if row.feeds and now - row.heard <= self._silence:
            return {"worker": worker, "state": "waiting"}
        return {"worker": worker, "state": "away", "since": round(row.heard, 3)}
