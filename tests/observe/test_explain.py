"""Each decision has its sentence."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from httpcache.observe.explain import DETAILS, FORWARDED, NOT_STORED, STOOD, duration, explain
from httpcache.rules.decisions import ForwardReason, NotStoredReason, Standing


@dataclass(frozen=True)
class Said:
    name: str = "edge"
    hit: bool = False
    fwd: str | None = None
    fwd_status: int | None = None
    ttl: int | None = None
    stored: bool = False
    collapsed: bool = False
    detail: str = ""


def test_every_reason_has_a_sentence():
    assert set(FORWARDED) == set(ForwardReason)
    assert set(NOT_STORED) == set(NotStoredReason)
    assert set(STOOD) == set(Standing)
    for sentence in DETAILS.values():
        assert not sentence or sentence.endswith(".")


STORIES = [
    (Said(hit=True), ["A hit: answered from its store."]),
    (
        Said(hit=True, ttl=90),
        ["A hit: answered from its store; it remains fresh for 1 minute and 30 seconds."],
    ),
    (
        Said(hit=True, ttl=-3),
        ["A hit, but stale: answered from its store 3 seconds after the end of its lifetime."],
    ),
    (
        Said(fwd="uri-miss", fwd_status=200, stored=True, ttl=60),
        [
            "A miss: nothing was stored for this URL.",
            "The next hop was asked, and answered 200.",
            "The answer was stored; it remains fresh for 1 minute.",
        ],
    ),
    (
        Said(fwd="stale", fwd_status=304),
        [
            "A miss: what was stored was no longer fresh.",
            "The next hop said that what is stored is still good (304), so no body was sent.",
        ],
    ),
    (
        Said(fwd="uri-miss", collapsed=True, fwd_status=200),
        [
            "A miss: nothing was stored for this URL.",
            "The request waited for a fetch that another request had begun, and shares its answer.",
        ],
    ),
    (
        Said(fwd="uri-miss", fwd_status=200, stored=True, detail="purged"),
        [
            "A miss: what was stored has been purged.",
            "The next hop was asked, and answered 200.",
            "The answer was stored.",
        ],
    ),
    (
        Said(fwd="stale", fwd_status=304, detail="soft-purged"),
        [
            "A miss: what was stored has been purged softly: it must be validated first.",
            "The next hop said that what is stored is still good (304), so no body was sent.",
        ],
    ),
    (
        Said(fwd="stale", fwd_status=304, detail="purge-log-silent"),
        [
            "A miss: the purge log has been out of reach for too long: nothing is reused without validation.",
            "The next hop said that what is stored is still good (304), so no body was sent.",
        ],
    ),
    (
        Said(hit=True, ttl=90, detail="purge-log-silent-tolerated"),
        [
            "A hit: answered from its store; it remains fresh for 1 minute and 30 seconds.",
            "The purge log has been out of reach for too long: what was stored was given all the same, "
            "as purge.when_cut_off says.",
        ],
    ),
    (
        Said(fwd="uri-miss", fwd_status=200, detail="no-store"),
        [
            "A miss: nothing was stored for this URL.",
            "The next hop was asked, and answered 200.",
            "It was not stored: the origin says no-store.",
        ],
    ),
    (Said(fwd="gremlins", detail="x"), ["A miss: gremlins.", "The next hop was asked.", "Detail: x."]),
    (Said(), ["It did not say whether it was a hit."]),
]


@pytest.mark.parametrize(("said", "sentences"), STORIES, ids=[" ".join(row[1]) for row in STORIES])
def test_a_tier_is_told_in_sentences(said, sentences):
    (story,) = explain([said])
    assert (story.name, list(story.sentences), story.earlier) == ("edge", sentences, False)


def test_what_is_behind_a_hit_is_told_as_earlier():
    stories = explain([Said("shield", fwd="uri-miss"), Said("edge", hit=True)])
    assert [(story.name, story.earlier) for story in stories] == [("edge", False), ("shield", True)]


def test_what_is_behind_a_miss_is_of_this_request():
    stories = explain([Said("shield", hit=True), Said("edge", fwd="uri-miss")])
    assert [(story.name, story.earlier) for story in stories] == [("edge", False), ("shield", False)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a second"),
        (1, "1 second"),
        (60, "1 minute"),
        (3661, "1 hour and 1 minute"),
        (90_000, "1 day and 1 hour"),
        (172_800, "2 days"),
    ],
)
def test_durations_are_told_in_words(seconds, words):
    assert duration(seconds) == words
