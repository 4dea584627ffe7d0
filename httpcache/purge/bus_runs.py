"""Runs of nodes on a bus: two that follow under one name and key are told apart, and neither confirms for the other."""

from __future__ import annotations

import logging
import secrets
from itertools import zip_longest
from typing import Annotated

import msgspec

from httpcache.purge.receipts import MOST_WORKERS

log = logging.getLogger("edgeward.purge")

RUN = secrets.token_urlsafe(9)
"""The name of this run of the node: another process has another."""

Workers = tuple[tuple[int, bool], ...]
"""Of each worker, how far it is and whether it follows."""


class Progress(msgspec.Struct, frozen=True):
    """What a node tells in the bucket: how far its workers are, who of them follows, and in which run."""

    epoch: int
    workers: Annotated[Workers, msgspec.Meta(max_length=MOST_WORKERS)]
    run: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Runs:
    """The last two runs of each node. `silence` is how long one may say nothing before it is over, in seconds."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._heard: dict[str, dict[str, tuple[Progress, float]]] = {}
        self._doubled: dict[str, float] = {}

    def told(self, node: str, progress: Progress, at: float) -> Workers:
        """How far a node is, which tells that at Unix time `at`: as far as the lesser of two that use its name.

        A run that speaks again after another has: no restart does that, only a second node with the same folder.
        """
        runs = self._heard.setdefault(node, {})
        if progress.run in runs and next(reversed(runs)) != progress.run:
            if not self._is_doubled(node, at):
                log.error(
                    "two nodes follow the purge bus as %s: has its data folder been copied to another node?",
                    node,
                )
            self._doubled[node] = at
        runs.pop(progress.run, None)
        runs[progress.run] = progress, at
        while len(runs) > 2:
            del runs[next(iter(runs))]
        if not self._is_doubled(node, at):
            return progress.workers
        heard = [
            one.workers
            for one, then in runs.values()
            if one.epoch == progress.epoch and at - then <= self._silence
        ]
        return tuple(
            (min(n for n, _ in rows), all(follows for _, follows in rows))
            for rows in ([row for row in several if row is not None] for several in zip_longest(*heard))
        )

    def _is_doubled(self, node: str, at: float) -> bool:
        return at - self._doubled.get(node, float("-inf")) <= self._silence
