"""Counts what dry orders would match: asks every worker that follows the log, one question at a time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from httpcache.purge.feed import Feed
from httpcache.purge.matches import Answer, Matches, Question, in_node
from httpcache.purge.orders import Order
from httpcache.purge.receipts import Ledger


class Counting:
    """The keeper's side. All calls on one event loop."""

    def __init__(self, feed: Feed, ledger: Callable[[], Ledger]) -> None:
        self._feed = feed
        self._ledger = ledger
        self._turn = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._question: Question | None = None
        self._answers: dict[tuple[str, int], Matches] = {}
        self._answered = asyncio.Event()

    async def count(self, orders: tuple[Order, ...], wait: float) -> dict[str, Any]:
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
            return self._document()

    def answer(self, node: str, answer: Answer) -> None:
        """What a worker found. An answer to an earlier question, or of a worker that is not known, does not count."""
        known = answer.worker in self._ledger().following().get(node, ())
        if known and self._question is not None and answer.number == self._question.number:
            self._answers[node, answer.worker] = answer.matches
            self._answered.set()

    def _missing(self) -> bool:
        following = self._ledger().following().items()
        return any((node, index) not in self._answers for node, workers in following for index in workers)

    def _document(self) -> dict[str, Any]:
        rows = [self._row(node, workers) for node, workers in self._ledger().following().items()]
        return {
            "dry": True,
            "complete": all(row["state"] == "counted" for row in rows),
            "matched": sum(row["matched"] for row in rows),
            "nodes": rows,
        }

    def _row(self, node: str, workers: list[int]) -> dict[str, Any]:
        answers = [found for (name, _), found in self._answers.items() if name == node]
        state = "away" if not workers else "late" if len(answers) < len(workers) else "counted"
        exact = all(one.exact for one in answers) and state == "counted"
        return {"node": node, "state": state, "matched": in_node(answers), "exact": exact}
