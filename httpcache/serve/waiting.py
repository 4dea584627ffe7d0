"""What requests do with the fetch of another that they waited for, and what is remembered where that gained nothing."""

from __future__ import annotations

from httpcache import clock
from httpcache.fetch.collapse import Flight
from httpcache.rules.collapsing import Apart, Sharing, apart_when_unshared, decide_sharing
from httpcache.rules.decisions import Candidate, ReuseDecision
from httpcache.serve.landing import Landed
from httpcache.serve.question import Question
from httpcache.serve.tier import Tier


class Waiting:
    """Those who wait at one tier."""

    def __init__(self, tier: Tier) -> None:
        self._tier = tier

    def sharing(
        self, question: Question, candidate: Candidate, decision: ReuseDecision, flight: Flight[Landed]
    ) -> Sharing:
        """What a request does with what `flight` brought; remembered where waiting for it gained nothing."""
        is_after = flight.sent >= question.since
        sharing = decide_sharing(question.head, candidate, decision, proves=flight.proves, is_after=is_after)
        if sharing is Sharing.APART:
            self.keep_apart(question.key.key, apart_when_unshared(candidate.stored))
        return sharing

    def keep_apart(self, key: str, apart: Apart) -> None:
        """Remember of whom it is known that waiting for each other gains them nothing (hit-for-miss)."""
        until = clock.monotonic() + self._tier.settings.fetch.uncollapsible
        self._tier.collapser.keep_apart((key, apart), until)

    def is_apart(self, key: str, apart: Apart) -> bool:
        """Whether that is remembered of `key`."""
        return self._tier.collapser.is_apart((key, apart), clock.monotonic())
