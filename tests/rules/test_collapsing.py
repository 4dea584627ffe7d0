"""Which requests wait for another's fetch, make one of their own, or go forward as they were sent."""

from __future__ import annotations

import pytest

from httpcache.rules.collapsing import (
    Apart,
    Sharing,
    Way,
    apart_when_unshared,
    decide_sharing,
    decide_way,
    proves_for_all,
)
from httpcache.rules.decisions import Forward, ForwardReason, Reuse, Standing, Validate
from tests.rules.things import candidate, get

AUTHORIZED = {"Authorization": "Bearer x"}
NO_STORE = {"Cache_Control": "no-store"}
RANGE = {"Range": "bytes=0-9"}
COOKIE = {"Cookie": "a=b"}
GOOD, INVALID = candidate(), candidate(Standing.INVALID)
NO_CACHE = candidate(Cache_Control="no-cache")

WAYS = [
    ("a plain request waits with the others", {}, None, (), Way.TOGETHER),
    ("and for one validation, too", {}, GOOD, (), Way.TOGETHER),
    ("a range waits for the piece it is in", RANGE, None, (), Way.TOGETHER),
    ("If-Match is for the origin", {"If_Match": '"1"'}, GOOD, (), Way.AS_SENT),
    ("no-store neither leads nor joins", NO_STORE, None, (), Way.AS_SENT),
    ("no-store asks by itself whether what is stored is good", NO_STORE, GOOD, (), Way.BY_ITSELF),
    ("Authorization alone may turn out storable", AUTHORIZED, None, (), Way.TOGETHER),
    ("but not where it did not", AUTHORIZED, None, (Apart.AUTHORIZED,), Way.AS_SENT),
    ("which says nothing of others", {}, None, (Apart.AUTHORIZED,), Way.TOGETHER),
    ("a range for one user is not widened", AUTHORIZED | RANGE, None, (), Way.AS_SENT),
    ("but what it may get is validated", AUTHORIZED | RANGE, GOOD, (), Way.TOGETHER),
    ("what could not be stored goes as it was sent", {}, None, (Apart.EVERYONE,), Way.AS_SENT),
    ("what can be validated is, without waiting", {}, GOOD, (Apart.EVERYONE,), Way.BY_ITSELF),
    ("unless something else has come in its place", {}, INVALID, (Apart.EVERYONE,), Way.AS_SENT),
    ("which one request finds out for all", {}, INVALID, (), Way.TOGETHER),
    ("where nothing can be asked about, each asks", {}, GOOD, (Apart.VALIDATING,), Way.BY_ITSELF),
    ("where each user has to be proven, each asks", AUTHORIZED, GOOD, (Apart.PERSONAL,), Way.BY_ITSELF),
    ("as who sends a cookie", COOKIE, GOOD, (Apart.PERSONAL,), Way.BY_ITSELF),
    ("which says nothing of those who do not", {}, GOOD, (Apart.PERSONAL,), Way.TOGETHER),
    ("users ask at once where no-cache is known", COOKIE, NO_CACHE, (), Way.BY_ITSELF),
    ("and all others ask together", {}, NO_CACHE, (), Way.TOGETHER),
    ("and one that finds nothing fetches", {}, None, (Apart.VALIDATING,), Way.BY_ITSELF),
    ("ranges that are no pieces go as they were sent", RANGE, None, (Apart.RANGES,), Way.AS_SENT),
    ("the whole is stored all the same", {}, None, (Apart.RANGES,), Way.TOGETHER),
]


@pytest.mark.requirement("9111§4 collapsed-only-where-reuse-is-allowed")
@pytest.mark.parametrize(
    ("fields", "validated", "apart", "way"), [row[1:] for row in WAYS], ids=[row[0] for row in WAYS]
)
def test_decide_way(fields, validated, apart, way):
    assert decide_way(get(**fields), validated, lambda one: one in apart).way is way


TAGGED = candidate(ETag='"1"', Cache_Control="no-cache")
REUSE = Reuse(TAGGED.stored, 0, 1)
EACH_TIME = Validate((TAGGED.stored,), ForwardReason.STALE, "no-cache")
WISHED = Validate((TAGGED.stored,), ForwardReason.REQUEST, "no-cache")
BAD = candidate(Standing.INVALID, ETag='"1"')

SHARINGS = [
    ("what may be reused is for all", COOKIE, TAGGED, REUSE, (False, False), Sharing.TAKES),
    ("another variant is not", {}, TAGGED, Forward(ForwardReason.VARY_MISS), (True, True), Sharing.OTHER),
    ("a proof is for all who came before it was asked", {}, TAGGED, EACH_TIME, (True, True), Sharing.TAKES),
    ("and not for those who came later", {}, TAGGED, EACH_TIME, (True, False), Sharing.LATE),
    ("not for who says who it is", COOKIE, TAGGED, EACH_TIME, (True, True), Sharing.APART),
    ("what is not asked for all proves nothing", {}, TAGGED, EACH_TIME, (False, True), Sharing.APART),
    ("nor is proven what was changed meanwhile", {}, BAD, EACH_TIME, (True, True), Sharing.APART),
    (
        "a wish of its own is met by what was asked later",
        COOKIE,
        TAGGED,
        WISHED,
        (False, True),
        Sharing.TAKES,
    ),
    ("and not by what was asked before", {}, TAGGED, WISHED, (True, False), Sharing.LATE),
]


@pytest.mark.requirement("9111§5.2.2.4 no-cache-needs-validation")
@pytest.mark.parametrize(
    ("fields", "came", "decision", "asked", "sharing"),
    [row[1:] for row in SHARINGS],
    ids=[row[0] for row in SHARINGS],
)
def test_decide_sharing(fields, came, decision, asked, sharing):
    proves, is_after = asked
    assert decide_sharing(get(**fields), came, decision, proves=proves, is_after=is_after) is sharing


def test_what_has_no_validator_is_proven_to_nobody():
    assert proves_for_all(get(), (TAGGED.stored,))
    assert not proves_for_all(get(), (candidate().stored,))
    assert not proves_for_all(get(**AUTHORIZED), (TAGGED.stored,))
    assert apart_when_unshared(TAGGED.stored) is Apart.PERSONAL
    assert apart_when_unshared(candidate().stored) is Apart.VALIDATING
