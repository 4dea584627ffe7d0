"""Counts what dry orders would match: asks every worker that follows the log, one question at a time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from httpcache.purge.feed import Feed
from httpcache.purge.matches import Answer, Matches, Question, in_node
from httpcache.purge.orders import Order

Row = dict[str, Any]
"""What the answer to a dry order says of one node."""


class Counting:
    """The keeper's side. All calls on one event loop. `following` tells of each node which of its workers to ask."""

    def __init__(self, feed: Feed, following: Callable[[], Mapping[str, Sequence[int]]]) -> None:
        self._feed = feed
        self._following = following
        self._turn = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._question: Question | None = None
        self._answers: dict[tuple[str, int], Matches] = {}
        self._answered = asyncio.Event()

    async def count(self, orders: tuple[Order, ...], wait: float) -> list[Row]:
        """How many stored responses of each node match, as far as it is told within `wait` seconds of its turn."""
        async with self._turn:
            self._question = Question(next(self._numbers), orders)
            self._answers.clear()
            try:
                self._feed.ask(self._question)
                async with asyncio.timeout(wait):
                    while self._missing():
                        self._answered.clear()
                        await self._answered.wait()
            except TimeoutError:
                pass  # the document says who has not answered
            finally:
                self._question = None
                self._feed.ask(None)
            return [self._row(node, workers) for node, workers in self._following().items()]

    def answer(self, node: str, answer: Answer) -> None:
        """What a worker found. An answer to an earlier question, or of a worker that is not known, does not count."""
        known = answer.worker in self._following().get(node, ())
        if known and self._question is not None and answer.number == self._question.number:
            self._answers[node, answer.worker] = answer.matches
            self._answered.set()

    def _missing(self) -> bool:
        following = self._following().items()
        return any((node, index) not in self._answers for node, workers in following for index in workers)

    def _row(self, node: str, workers: Sequence[int]) -> Row:
        answers = [found for (name, _), found in self._answers.items() if name == node]
        state = "away" if not workers else "late" if len(answers) < len(workers) else "counted"
        exact = all(one.exact for one in answers) and state == "counted"
        return {"node": node, "state": state, "matched": in_node(answers), "exact": exact}


def document(rows: Sequence[Row]) -> dict[str, Any]:
    """The answer to a dry order, from the rows of all nodes."""
    return {
        "dry": True,
        "complete": all(row["state"] == "counted" for row in rows),
        "matched": sum(row["matched"] for row in rows),
        "nodes": list(rows),
    }
