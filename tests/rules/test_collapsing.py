"""Which requests wait for another's fetch, make one of their own, or go forward as they were sent."""

from __future__ import annotations

import pytest

from httpcache.rules.collapsing import Apart, Way, decide_way
from httpcache.rules.decisions import Standing
from tests.rules.things import candidate, get

AUTHORIZED = {"Authorization": "Bearer x"}
NO_STORE = {"Cache_Control": "no-store"}
RANGE = {"Range": "bytes=0-9"}
GOOD, INVALID = candidate(), candidate(Standing.INVALID)

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
    ("where each has to validate, each does", {}, GOOD, (Apart.VALIDATING,), Way.BY_ITSELF),
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
