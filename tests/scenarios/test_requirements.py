"""Requirements that show only between a client, our tiers and an origin, through one tier and through two."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenarios.origin import Line


@pytest.mark.requirement("9111§4.3.2 conditions-for-the-origin-are-left-to-it")
@pytest.mark.parametrize(
    "condition",
    [
        pytest.param({"If_Match": '"2"'}, id="If-Match"),
        pytest.param({"If_Unmodified_Since": "Sun, 06 Nov 1994 08:49:37 GMT"}, id="If-Unmodified-Since"),
    ],
)
async def test_a_condition_for_the_origin_alone_is_evaluated_there(world, condition):
    world.origin.answers("/a", b"x", Cache_Control="max-age=600", ETag='"1"')
    await world.get("/a")
    world.origin.answers("/a", b"", status=412)
    got = await world.get("/a", **condition)
    assert got.status == 412
    assert "fwd=request" in got.cache_status[-1]
    for name, value in condition.items():
        assert world.origin.requests[-1].get(name.replace("_", "-")) == value
    assert ";hit" in (await world.get("/a")).cache_status[-1]


@pytest.mark.requirement("9111§4.3.2 304-with-another-tag-becomes-200")
async def test_a_304_about_our_tag_is_a_200_for_a_client_that_has_another(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=10", ETag='"1"')
    await world.get("/a")
    world.pass_time(11)
    got = await world.get("/a", If_None_Match='"0"')
    assert (got.status, got.body, got.fields["ETag"]) == (200, b"x", '"1"')
    assert world.origin.requests[-1].get("If-None-Match") == '"1"'


@pytest.mark.requirement("9111§3.1 trailers-stay-apart")
@pytest.mark.requirement("9110§6.5.1 trailers-are-not-merged")
async def test_a_trailer_field_is_never_a_header_field(world):
    world.origin.answers(
        "/a",
        raw=b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Cache-Control\r\nETag: "1"\r\n'
        b"Cache-Control: max-age=60\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\nCache-Control: no-store\r\n\r\n",
    )
    for _ in range(2):
        got = await world.get("/a")
        assert got.body == b"x"
        assert "X-Sum" not in got.fields
        assert got.fields.getall("Cache-Control") == ["max-age=60"]
    assert ";hit" in got.cache_status[-1]


@pytest.mark.requirement("9111§5.2.2.2 must-revalidate-also-when-disconnected")
@pytest.mark.requirement("9111§5.2.2.2 error-of-a-gateway-when-disconnected")
async def test_what_must_be_validated_is_an_error_while_the_origin_is_away(world):
    world.origin.answers(
        "/a", b"x", Cache_Control="max-age=10, must-revalidate, stale-if-error=900", ETag='"1"'
    )
    await world.get("/a")
    world.pass_time(11)
    await world.origin.close()
    assert (await world.get("/a", Cache_Control="max-stale")).status in (502, 504)
    await world.origin.start()


@pytest.mark.requirement("9110§13.2.1 conditions-are-forwarded-where-there-is-no-cache")
@pytest.mark.requirement("9110§15.4.5 304-for-the-client-is-forwarded")
async def test_where_nothing_is_cached_conditions_and_their_304_pass_through(worlds):
    async with worlds(sites=[{"host": "site.example", "bypass": True}]) as world:
        world.origin.answers("/a", b"x", ETag='"1"')
        got = await world.get("/a", If_None_Match='"1"', If_Modified_Since="Sun, 06 Nov 1994 08:49:37 GMT")
        assert (got.status, got.body, got.fields["ETag"]) == (304, b"", '"1"')
        assert world.origin.requests[0].get("If-Modified-Since")


@pytest.mark.requirement("9111§4 unsafe-methods-are-written-through")
@pytest.mark.requirement("9110§13.2.1 conditions-are-forwarded-where-there-is-no-cache")
async def test_the_conditions_of_an_unsafe_request_are_the_origins_to_evaluate(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=600", ETag='"1"')
    await world.get("/a")
    world.origin.answers("/a", b"no", status=412)
    got = await world.ask(world.edges[0], "/a", method="PUT", body=b"y", If_Match='"9"', If_None_Match='"1"')
    assert (got.status, got.body) == (412, b"no")
    assert world.origin.requests[-1].get("If-Match") == '"9"'
    assert world.origin.requests[-1].get("If-None-Match") == '"1"'


@pytest.mark.requirement("9110§14.4 unknown-unit-is-forwarded")
async def test_a_part_in_another_unit_is_passed_on_and_never_reused(world):
    def script(request):
        if request.get("Range") is None:
            return Line(body=b"whole", fields=[("Cache-Control", "no-store")])
        fields = [("Content-Range", "lines 1-2/9"), ("Cache-Control", "max-age=600"), ("ETag", '"1"')]
        return Line(status=206, body=b"one\ntwo\n", fields=fields)

    world.origin.does("/a", script)
    await world.get("/a")
    for count in (2, 3):
        got = await world.get("/a", Range="lines=1-2")
        assert (got.status, got.body, got.fields["Content-Range"]) == (206, b"one\ntwo\n", "lines 1-2/9")
        assert len(world.origin.requests) == count


@pytest.mark.requirement("9111§4.3.5 each-that-could-have-been-chosen")
@pytest.mark.requirement("9111§4.3.5 head-fields-update-the-stored-response")
async def test_a_head_freshens_the_stored_get(worlds):
    async with worlds(tiers=1) as world:
        world.origin.answers("/a", b"12345", Cache_Control="max-age=10", ETag='"1"')
        await world.get("/a")
        world.pass_time(11)
        world.origin.answers("/a", b"12345", Cache_Control="max-age=600", ETag='"1"', X_New="1")
        await world.get("/a", method="HEAD")
        got = await world.get("/a")
        assert ";hit" in got.cache_status[-1]
        assert got.fields["X-New"] == "1"


@pytest.mark.requirement("9111§4.3.5 each-that-could-have-been-chosen")
async def test_a_head_does_not_prove_good_what_was_invalidated(worlds):
    async with worlds(tiers=1) as world:
        world.origin.answers("/a", b"old", Cache_Control="max-age=600")
        await world.get("/a")
        world.origin.answers("/a", b"done")
        await world.ask(world.edges[0], "/a", method="POST", body=b"x")
        world.origin.answers("/a", b"new", Cache_Control="max-age=600")
        await world.get("/a", method="HEAD")
        assert (await world.get("/a")).body == b"new"


async def raw(world, request: bytes) -> bytes:
    """What an edge says to these octets until it closes."""
    host, _, port = world.edges[0].settings.listen.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.requirement("9110§7.6.3 via-tells-the-received-protocol")
async def test_via_tells_the_version_that_a_client_spoke(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=60")
    assert (await raw(world, b"GET /a HTTP/1.0\r\nHost: site.example\r\n\r\n")).endswith(b"\r\n\r\nx")
    assert (world.origin.requests[0].get("Via") or "").startswith("1.0 edge-1")


async def test_a_method_is_forwarded_in_its_own_case(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=60")
    request = b"get /a HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n"
    assert b"fwd=method" in await raw(world, request)
    assert world.origin.requests[0].method == "get"


VERSIONS = [
    pytest.param(b"BREW /a HTTP/1.9", b"HTTP/1.1 200 ", id="a later version of HTTP/1 is answered in ours"),
    pytest.param(b"GET /a HTTP/2.0", b"HTTP/1.1 505 ", id="another version is not spoken here"),
]


@pytest.mark.parametrize(("line", "start"), VERSIONS)
async def test_an_answer_is_in_a_version_that_we_speak(worlds, line, start):
    async with worlds(tiers=1) as world:
        world.origin.answers("/a", b"x", Cache_Control="max-age=60")
        request = line + b"\r\nHost: site.example\r\nConnection: close\r\n\r\n"
        assert (await raw(world, request)).startswith(start)
