"""Watermarks say what a naive reading of all orders says; folding only ever covers more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpcache.messages import Fields, PurgeMark, StoredResponse
from httpcache.purge.orders import Kind, Order
from httpcache.purge.watermarks import Watermarks
from httpcache.rules.decisions import Standing

EPOCH = 7
HOSTS = ["a.example", "b.example:81", "[::1]:80"]
URIS = [f"{host}/{path}" for host in HOSTS for path in ("", "x", "x/y", "x/y?q", "z")]
STRENGTH = [Standing.GOOD, Standing.SOFT, Standing.UNPROVEN, Standing.GONE]


def response(uri="a.example/x", tags=(), mark=(EPOCH, 0)) -> StoredResponse:
    """A stored response whose fetch began at that mark."""
    return StoredResponse(f"http://{uri}", uri, 200, "", Fields(), 0.0, 0.0, tags=tags, mark=PurgeMark(*mark))


def following(n=0, limit=1000, floor=0) -> Watermarks:
    """Watermarks that have followed the log up to `n`."""
    watermarks = Watermarks(limit)
    watermarks.adopt(PurgeMark(EPOCH, n), floor)
    watermarks.proven = True
    return watermarks


def covers(order: Order, stored: StoredResponse) -> bool:
    """Whether an order names a stored response, read naively."""
    authority = stored.uri.split("/")[0]
    match order.kind:
        case Kind.URL:
            return stored.uri in order.targets
        case Kind.PREFIX:
            return stored.uri.startswith(order.targets)
        case Kind.TAG:
            return bool(set(order.targets) & set(stored.tags))
        case Kind.HOST:
            return bool({authority, authority.rpartition(":")[0]} & set(order.targets))
        case _:
            return True


def naive(orders: list[Order], stored: StoredResponse) -> Standing:
    """The standing by going through all orders."""
    newer = [order for n, order in enumerate(orders, 1) if n > stored.mark.n and covers(order, stored)]
    if any(not order.soft for order in newer):
        return Standing.GONE
    return Standing.SOFT if newer else Standing.GOOD


def some(values):
    return st.lists(st.sampled_from(values), min_size=1, max_size=3).map(tuple)


ORDERS = st.one_of(
    st.builds(Order, st.just(Kind.URL), some(URIS), st.booleans()),
    st.builds(Order, st.just(Kind.PREFIX), some(URIS), st.booleans()),
    st.builds(Order, st.just(Kind.TAG), some(["s", "t", "u"]), st.booleans()),
    st.builds(
        Order, st.just(Kind.HOST), some(["a.example", "b.example", "b.example:81", "[::1]"]), st.booleans()
    ),
    st.builds(Order, st.just(Kind.EVERYTHING), st.just(()), st.booleans()),
)
LOGS = st.lists(ORDERS, max_size=12)
STORED = st.builds(
    response,
    st.sampled_from(URIS),
    st.lists(st.sampled_from(["s", "t", "u"]), max_size=2).map(tuple),
    st.tuples(st.just(EPOCH), st.integers(0, 12)),
)


@pytest.mark.slow
@given(LOGS, STORED)
def test_the_standing_is_what_going_through_all_orders_gives(orders, stored):
    watermarks = following()
    for n, order in enumerate(orders, 1):
        watermarks.apply([(n, order)])
    assert watermarks.standing(stored) is naive(orders, stored)


@pytest.mark.slow
@given(LOGS, STORED, st.integers(0, 4))
def test_folding_covers_more_and_never_less(orders, stored, limit):
    watermarks = following(limit=limit)
    for n, order in enumerate(orders, 1):
        watermarks.apply([(n, order)])
        assert len(watermarks) <= limit
    assert STRENGTH.index(watermarks.standing(stored)) >= STRENGTH.index(naive(orders, stored))


@pytest.mark.slow
@given(LOGS, STORED, st.randoms(use_true_random=False))
def test_in_whatever_order_and_however_often_orders_are_applied_the_result_is_one(orders, stored, random):
    numbered = list(enumerate(orders, 1)) * 2
    random.shuffle(numbered)
    watermarks = following()
    for n, order in numbered:
        watermarks.apply([(n, order)])
    assert watermarks.standing(stored) is naive(orders, stored)
    assert watermarks.mark == PurgeMark(EPOCH, len(orders))


TAG, SOFT_TAG = Order(Kind.TAG, ("t",)), Order(Kind.TAG, ("t",), soft=True)
CASES = [
    ("fetched before a hard order", (EPOCH, 4), TAG, Standing.GONE),
    ("fetched before a soft order", (EPOCH, 4), SOFT_TAG, Standing.SOFT),
    ("fetched after the order", (EPOCH, 5), TAG, Standing.GOOD),
    ("fetched below the floor", (EPOCH, 2), SOFT_TAG, Standing.UNPROVEN),
    ("fetched below the floor, purged", (EPOCH, 2), TAG, Standing.GONE),
    ("of another epoch", (3, 99), SOFT_TAG, Standing.UNPROVEN),
    ("of another epoch, purged", (3, 99), TAG, Standing.GONE),
]


@pytest.mark.parametrize(("mark", "order", "standing"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_stored_response_stands_as_its_mark_says(mark, order, standing):
    watermarks = following(n=3, floor=3)
    watermarks.apply([(5, order)])
    assert watermarks.standing(response(tags=("t",), mark=mark)) is standing


def test_nothing_is_good_while_the_log_is_not_heard():
    watermarks = following(n=5)
    watermarks.proven = False
    assert watermarks.standing(response(mark=(EPOCH, 5))) is Standing.UNPROVEN
    watermarks.proven = True
    assert watermarks.standing(response(mark=(EPOCH, 5))) is Standing.GOOD


SILENT = [
    ("validating, not purged", Standing.CUT_OFF, None, Standing.CUT_OFF),
    ("validating, soft", Standing.CUT_OFF, SOFT_TAG, Standing.CUT_OFF),
    ("validating, hard", Standing.CUT_OFF, TAG, Standing.GONE),
    ("tolerating, not purged", Standing.TOLERATED, None, Standing.TOLERATED),
    ("tolerating, soft", Standing.TOLERATED, SOFT_TAG, Standing.SOFT),
    ("tolerating, hard", Standing.TOLERATED, TAG, Standing.GONE),
]


@pytest.mark.parametrize(("mode", "order", "standing"), [c[1:] for c in SILENT], ids=[c[0] for c in SILENT])
def test_while_the_log_is_silent_what_is_not_purged_stands_as_the_settings_say(mode, order, standing):
    watermarks = Watermarks(16, mode)
    watermarks.adopt(PurgeMark(EPOCH, 4), 0)
    assert watermarks.standing(response(tags=("t",), mark=(EPOCH, 4))) is Standing.UNPROVEN
    watermarks.proven = True
    if order is not None:
        watermarks.apply([(5, order)])
    watermarks.fall_silent()
    assert watermarks.standing(response(tags=("t",), mark=(EPOCH, 4))) is standing
    assert watermarks.standing(response(tags=("t",), mark=(3, 9))) in (Standing.UNPROVEN, Standing.GONE)
    watermarks.proven = True
    assert not watermarks.is_silent
    assert watermarks.standing(response(mark=(EPOCH, 5))) is Standing.GOOD


def test_nothing_is_good_before_the_log_was_ever_heard():
    assert Watermarks(16).standing(response(mark=(0, 0))) is Standing.UNPROVEN


def test_a_new_epoch_starts_without_watermarks():
    watermarks = following()
    watermarks.apply([(1, Order(Kind.EVERYTHING))])
    watermarks.adopt(PurgeMark(EPOCH + 1, 0), 0)
    assert watermarks.standing(response(mark=(EPOCH + 1, 0))) is Standing.GOOD
    assert watermarks.standing(response(mark=(EPOCH, 9))) is Standing.UNPROVEN


ASKED = [
    ("at the log's end", (EPOCH, 5), (), False),
    ("before an order for something else", (EPOCH, 3), ("other",), False),
    ("before a hard order for it", (EPOCH, 3), ("hard",), True),
    ("before a soft order for it", (EPOCH, 3), ("soft",), True),
    ("after the order for it", (EPOCH, 4), ("hard",), False),
    ("before what may have been missed", (EPOCH, 1), ("other",), True),
    ("in another epoch", (EPOCH - 1, 9), ("other",), True),
]


@pytest.mark.parametrize("is_silent", [False, True])
@pytest.mark.parametrize(
    ("mark", "tags", "overtaken"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED]
)
def test_what_was_asked_for(mark, tags, overtaken, is_silent):
    one = following(n=2, floor=2)
    if is_silent:
        one.fall_silent()
    one.apply([(4, Order(Kind.TAG, ("hard",))), (5, Order(Kind.TAG, ("soft",), soft=True))])
    assert one.overtakes(response(tags=tags, mark=mark)) is overtaken


def test_prefixes_longer_than_a_uri_cost_it_nothing():
    one = following()
    names = [f"a.example/{'x' * length}" for length in range(1, 500)]
    one.apply([(n, Order(Kind.PREFIX, (name,))) for n, name in enumerate(names, 1)])
    asked: list[str] = []

    class Prefixes(dict[str, tuple[int, int]]):
        def get(self, name: str, default: object = None) -> object:  # type: ignore[override]
            asked.append(name)
            return super().get(name)

    one._prefixes = Prefixes(one._prefixes)  # type: ignore[assignment]
    assert one.standing(response("a.example/xx")) is Standing.GONE
    assert asked == ["a.example/x", "a.example/xx"]
