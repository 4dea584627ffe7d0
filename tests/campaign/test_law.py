"""The campaign's own judge: it lets pass what may be, and calls everything else by its name."""

from __future__ import annotations

import gzip
import time
from dataclasses import replace

import brotli
import pytest

from tests.campaign.clients import decoded
from tests.campaign.things import SLACK, Thing

NOW = time.monotonic()


def thing(*ages: float, served: tuple[int, ...] = (0, 1), **more) -> Thing:
    """A thing whose versions became the current ones so many seconds before NOW."""
    made = Thing("thing0", 5000, **{"lifetime": 10, **more})
    made.born = [NOW - age for age in ages]
    made.served = set(served)
    return made


def test_the_current_version_is_right():
    assert thing(100, 50).fault_of_body(thing().body(1), NOW) == ""


def test_a_version_that_was_replaced_a_moment_ago_may_be_fresh():
    assert thing(100, 5).fault_of_body(thing().body(0), NOW) == ""


@pytest.mark.parametrize("stale", [0, 7])
def test_a_version_is_given_too_late_after_its_lifetime_and_its_stale_window(stale):
    old = thing(100, 10 + stale + SLACK - 0.1, stale=stale)
    assert old.fault_of_body(old.body(0), NOW) == ""
    assert "after it could have been fresh" in old.fault_of_body(old.body(0), NOW + 0.2)


def test_a_version_that_the_origin_never_said_is_wrong():
    assert "never served" in thing(100, 50, served=(0,)).fault_of_body(thing().body(1), NOW)


def test_what_was_purged_is_wrong_once_every_edge_has_confirmed():
    purged = thing(100, 5, lifetime=600)
    purged.purged = [(NOW - 4, NOW - 3)]
    assert "after its purge" in purged.fault_of_body(purged.body(0), NOW)
    assert purged.fault_of_body(purged.body(0), NOW - 3.5) == ""
    assert purged.fault_of_body(purged.body(1), NOW) == ""


def test_a_purge_says_nothing_of_a_version_that_was_current_then():
    purged = thing(100, 5, lifetime=600)
    purged.purged = [(NOW - 7, NOW - 6)]
    assert purged.fault_of_body(purged.body(0), NOW) == ""


BODY = thing().body(1)


@pytest.mark.parametrize(
    "body",
    [
        b"", BODY[:-1], BODY + b"x", BODY[:2000] + b"!" + BODY[2001:], BODY[:2500] + thing().body(0)[2500:],
        replace(thing(), name="thing1").body(1), b"thing0 7\n" + BODY[9:], b"<html>502</html>",
    ],
    ids=["nothing", "cut", "longer", "flipped", "a blend", "another thing's", "a future version's", "a page"],
)  # fmt: skip
def test_other_octets_are_wrong(body):
    assert thing(100, 50).fault_of_body(body, NOW) != ""


def test_tags_of_every_form_name_their_version():
    one = thing()
    assert [one.version_of(tag) for tag in ('"thing0.4"', 'W/"thing0.4"', '"thing0.4~ew-br"')] == [4, 4, 4]
    assert [one.version_of(tag) for tag in ("", '"thing1.4"', '"thing0.x"', '"x"')] == [-1, -1, -1, -1]


def test_coded_octets_are_judged_decoded():
    assert decoded(gzip.compress(b"abc"), "gzip") == decoded(brotli.compress(b"abc"), "br") == b"abc"
    assert decoded(gzip.compress(b"abc")[:-1], "gzip") is None
    assert decoded(b"abc", "br") is None
    assert decoded(b"abc", "unknown") is None
