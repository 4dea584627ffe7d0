"""A connection goes from one lane to the other and back, whatever comes before the slow one has quite ended."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenarios.any_request import plain
from tests.scenarios.forms import FORMS, run_in
from tests.scenarios.raw_client import raw_client
from tests.scenarios.two_lanes import LAST, TwoLanes

HIDDEN = plain("/hidden")


@pytest.fixture(params=FORMS)
async def lanes(tmp_path, request, monkeypatch):
    """Both edges; what is to be hit is in RAM."""
    run_in(request.param, monkeypatch)
    async with TwoLanes(tmp_path) as made:
        made.origin.answers("/hit", b"hit", Cache_Control="max-age=600")
        made.origin.answers("/cold", b"cold", Cache_Control="no-store")
        made.origin.answers("/hidden", b"hidden", Cache_Control="no-store")
        await made.both(plain("/hit"))
        yield made


async def test_hits_behind_misses_on_one_connection_are_all_answered_in_the_fast_lane(lanes):
    before = lanes.fast_hits
    async with raw_client(lanes.edges[0].url) as client:
        for _ in range(20):
            for target in ("/cold", "/hit"):
                await client.says(plain(target).decode())
                assert (await client.hears_an_answer()).endswith(target[1:].encode())
    assert lanes.fast_hits == before + 20


async def test_the_first_request_of_a_connection_is_answered_in_the_fast_lane(lanes):
    before = lanes.fast_hits
    for _ in range(20):
        async with raw_client(lanes.edges[0].url) as client:
            await client.says(plain("/hit").decode())
            assert (await client.hears_an_answer()).endswith(b"hit")
    assert lanes.fast_hits == before + 20


async def test_content_that_comes_behind_its_answer_is_no_request(lanes):
    refused = plain("/hit", "CDN-Loop: edge.edge.edgeward", f"Content-Length: {len(HIDDEN)}", method="POST")
    for content in (HIDDEN, HIDDEN[:30]):
        lanes.origin.requests.clear()
        async with raw_client(lanes.edges[0].url) as client:
            hearing = asyncio.create_task(client.hears_an_answer())
            await client.says(refused.decode())
            assert b" 508 " in await hearing
            await client.says(content.decode())
            await client.says((HIDDEN[len(content) :] + LAST).decode())
            assert (await client.hears(5)).endswith(b"last")
        assert [seen.target for seen in lanes.origin.requests] == ["/last"]


async def test_what_comes_behind_a_request_to_close_is_left(lanes):
    before = lanes.fast_hits
    async with raw_client(lanes.edges[0].url) as client:
        await client.says(plain("/cold", "Connection: close").decode())
        assert (await client.hears_an_answer()).endswith(b"cold")
        await client.says(HIDDEN.decode())
        assert await client.hears() in (b"", b"reset")
    assert lanes.fast_hits == before
    assert "/hidden" not in [seen.target for seen in lanes.origin.requests]
