"""Every rule holds through edge and shield together, and means the same to a client as with one tier."""

from __future__ import annotations

from pathlib import Path

import pytest

from httpcache.purge.client import send_order
from httpcache.purge.keys import load_private_key

HIT, MISS, STALE = ";hit", "fwd=uri-miss", "fwd=stale"


def told(got) -> list[tuple[str, str]]:
    """Each tier that spoke in Cache-Status, the one nearest the origin first, and what it said first of all."""
    members = []
    for member in got.cache_status:
        name, _, parameters = member.partition(";")
        members.append((name, parameters.split(";")[0]))
    return members


async def soft_purge(world, tag: str) -> None:
    """Have everything with a tag validated, by an order to the keeper of the log."""
    keeper = world.nodes[0]
    key = load_private_key(Path(keeper.settings.data_folder) / "keys" / "operator.key")
    order = {"kind": "tag", "targets": [tag], "soft": True}
    receipt = await send_order(keeper.admin_url, key, order, wait=5.0)
    assert receipt["confirmed"]


async def test_age_is_the_time_in_the_shield_and_the_time_in_the_edge(worlds):
    async with worlds(edges=2) as world:
        world.origin.answers("/a", b"x", Cache_Control="max-age=600", Age="100")
        await world.get("/a", at=0)
        world.pass_time(50)
        late = await world.get("/a", at=1)  # the shield has had it for 50 s
        assert 150 <= int(late.fields["Age"]) <= 153
        world.pass_time(30)
        assert 180 <= int((await world.get("/a", at=1)).fields["Age"]) <= 184
        assert 180 <= int((await world.get("/a", at=0)).fields["Age"]) <= 184
        assert len(world.origin.requests) == 1


async def test_a_lifetime_ends_at_one_moment_in_both_tiers(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=100", Age="40", ETag='"1"')
    await world.get("/a")
    world.pass_time(55)
    assert HIT in (await world.get("/a")).cache_status[-1]
    world.pass_time(10)
    got = await world.get("/a")
    assert "fwd=stale" in got.cache_status[-1]
    assert [one.get("If-None-Match") for one in world.origin.requests] == [None, '"1"']


async def test_an_edge_that_comes_late_gets_no_more_than_the_rest_of_the_lifetime(worlds):
    async with worlds(edges=2) as world:
        world.origin.answers("/a", b"x", Cache_Control="max-age=100", ETag='"1"')
        await world.get("/a", at=0)
        world.pass_time(90)
        assert told(await world.get("/a", at=1)) == [("shield", "hit"), ("edge-2", "fwd=uri-miss")]
        world.pass_time(15)
        assert "fwd=stale" in (await world.get("/a", at=1)).cache_status[-1]
        assert len(world.origin.requests) == 2


async def test_validation_is_answered_by_the_shield_where_it_is_fresh_there(worlds):
    async with worlds(edges=2) as world:
        world.origin.answers("/a", b"x", Cache_Control="max-age=100", ETag='"1"')
        await world.get("/a", at=0)
        world.pass_time(101)
        await world.get("/a", at=1)  # a miss there; the shield validates
        assert len(world.origin.requests) == 2
        got = await world.get("/a", at=0)  # stale there, fresh in the shield
        assert (got.status, got.body) == (200, b"x")
        assert told(got)[-1] == ("edge-1", "fwd=stale")
        assert "fwd-status=304" in got.cache_status[-1]
        assert len(world.origin.requests) == 2


async def test_what_has_changed_in_the_shield_replaces_what_the_edge_has(worlds):
    async with worlds(edges=2) as world:
        world.origin.answers("/a", b"old", Cache_Control="max-age=100", ETag='"1"')
        await world.get("/a", at=0)
        world.pass_time(101)
        world.origin.answers("/a", b"new", Cache_Control="max-age=100", ETag='"2"')
        await world.get("/a", at=1)
        assert (await world.get("/a", at=0)).body == b"new"
        assert len(world.origin.requests) == 2


async def test_what_is_purged_softly_is_validated_end_to_end_once(worlds):
    async with worlds(edges=2) as world:
        world.origin.answers("/a", b"x", Cache_Control="max-age=600", ETag='"1"', Surrogate_Key="t")
        for at in (0, 1):
            await world.get("/a", at=at)
        await soft_purge(world, "t")
        first = await world.get("/a", at=0)
        assert first.body == b"x"
        assert told(first) == [("shield", "fwd=stale"), ("edge-1", "fwd=stale")]
        assert world.origin.requests[-1].get("If-None-Match") == '"1"'
        second = await world.get("/a", at=1)  # proven good by the shield since
        assert second.body == b"x"
        assert told(second)[-1] == ("edge-2", "fwd=stale")
        assert len(world.origin.requests) == 2
        for at in (0, 1):
            assert HIT in (await world.get("/a", at=at)).cache_status[-1]


async def test_what_is_purged_softly_and_has_changed_is_replaced_everywhere(worlds):
    async with worlds(edges=2) as world:
        world.origin.answers("/a", b"old", Cache_Control="max-age=600", ETag='"1"', Surrogate_Key="t")
        for at in (0, 1):
            await world.get("/a", at=at)
        world.origin.answers("/a", b"new", Cache_Control="max-age=600", ETag='"2"', Surrogate_Key="t")
        await soft_purge(world, "t")
        for at in (0, 1, 0, 1):
            assert (await world.get("/a", at=at)).body == b"new"
        assert len(world.origin.requests) == 2


async def test_s_maxage_holds_in_both_tiers_and_forbids_stale(world):
    world.origin.answers(
        "/a", b"x", Cache_Control="max-age=600, s-maxage=50, stale-while-revalidate=900", ETag='"1"'
    )
    await world.get("/a")
    world.pass_time(51)
    got = await world.get("/a", Cache_Control="max-stale")
    assert STALE in got.cache_status[-1]
    assert len(world.origin.requests) == 2
    assert got.fields["Cache-Control"] == "max-age=600, s-maxage=50, stale-while-revalidate=900"


async def test_a_response_with_no_cache_is_validated_by_the_origin_each_time(world):
    world.origin.answers("/a", b"x", Cache_Control="no-cache, max-age=600", ETag='"1"')
    for count in (1, 2, 3):
        assert (await world.get("/a")).body == b"x"
        assert len(world.origin.requests) == count
    assert world.origin.requests[-1].get("If-None-Match") == '"1"'


async def test_a_request_with_no_cache_reaches_the_origin_through_both_tiers(world):
    world.origin.answers("/a", b"old", Cache_Control="max-age=600", ETag='"1"')
    await world.get("/a")
    world.origin.answers("/a", b"new", Cache_Control="max-age=600", ETag='"2"')
    got = await world.get("/a", Cache_Control="no-cache")
    assert got.body == b"new"
    assert all(parameter == "fwd=request" for _, parameter in told(got))
    assert (await world.get("/a")).body == b"new"


async def test_max_age_of_a_request_counts_the_age_of_both_tiers(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=600", ETag='"1"', Age="100")
    await world.get("/a")
    world.pass_time(20)
    assert HIT in (await world.get("/a", Cache_Control="max-age=130")).cache_status[-1]
    await world.get("/a", Cache_Control="max-age=110")
    assert len(world.origin.requests) == 2


async def test_only_if_cached_is_answered_by_the_tier_that_is_asked(worlds):
    async with worlds(edges=2) as world:
        world.origin.answers("/a", b"x", Cache_Control="max-age=600")
        assert (await world.get("/a", Cache_Control="only-if-cached")).status == 504
        await world.get("/a", at=0)
        assert (await world.get("/a", at=0, Cache_Control="only-if-cached")).body == b"x"
        other = await world.get("/a", at=1, Cache_Control="only-if-cached")
        assert (other.status, [name for name, _ in told(other)]) == (504, ["edge-2"])
        assert "detail=only-if-cached" in other.cache_status[0]
        assert len(world.origin.requests) == 1


async def test_what_is_private_passes_both_tiers_and_stays_in_none(world):
    world.origin.answers("/a", b"mine", Cache_Control="private, max-age=600", ETag='"1"')
    for count in (1, 2):
        got = await world.get("/a")
        assert got.fields["Cache-Control"] == "private, max-age=600"
        assert "Age" not in got.fields
        assert len(world.origin.requests) == count


ORDERS = [
    pytest.param(1, ["edge-1"], id="one tier"),
    pytest.param(2, ["shield", "edge-1"], id="two tiers"),
]


@pytest.mark.requirement("9211§2 members-in-order")
@pytest.mark.parametrize(("tiers", "names"), ORDERS)
async def test_cache_status_has_each_tier_in_order(worlds, tiers, names):
    async with worlds(tiers=tiers) as world:
        world.origin.answers("/a", b"x", Cache_Control="max-age=600", Cache_Status="origin; hit")
        first = await world.get("/a")
        assert [name for name, _ in told(first)] == ["origin", *names]
        assert told(first)[1:] == [(name, "fwd=uri-miss") for name in names]
        assert all(";stored" in member for member in first.cache_status[1:])
        second = await world.get("/a")
        assert told(second)[-1] == ("edge-1", "hit")


async def test_via_names_each_tier_on_both_ways(world):
    world.origin.answers("/a", b"x")
    got = await world.get("/a")
    names = ["shield", "edge-1"] if world.shield else ["edge-1"]
    assert [one.split()[-1] for one in ", ".join(got.fields.getall("Via")).split(", ")] == names
    seen = (world.origin.requests[0].get("Via") or "").split(", ")
    assert [one.split()[-1] for one in seen] == names[::-1]
