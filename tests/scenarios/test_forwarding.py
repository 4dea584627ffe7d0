"""What cannot be cached is forwarded faithfully; what fails gets a clear answer."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenarios.origin import Line


async def test_a_post_is_forwarded_with_its_body_and_invalidates(world):
    world.origin.answers("/a", b"one", Cache_Control="max-age=60")
    await world.get("/a")
    world.origin.answers("/a", b"done")
    posted = await world.ask(world.edges[0], "/a", method="POST", body=b"form data")
    assert posted.body == b"done"
    assert world.origin.seen("/a", "POST")[0].body == b"form data"
    assert "fwd=method" in posted.cache_status[-1]
    world.origin.answers("/a", b"two", Cache_Control="max-age=60")
    assert (await world.get("/a")).body == b"two"


@pytest.mark.parametrize(
    ("stored", "changed"),
    [("/a/../b", "/b"), ("/b", "/a/../b"), ("/a/%2e%2E/b", "/b"), ("/%7Eb", "/~b"), ("/./b", "/c/../b")],
)
async def test_what_is_stored_under_another_spelling_of_the_target_is_invalidated_too(world, stored, changed):
    world.origin.answers(stored, b"one", Cache_Control="max-age=60")
    assert (await world.get(stored)).body == b"one"
    world.origin.answers(changed, b"done")
    await world.ask(world.edges[0], changed, method="POST", body=b"form data")
    world.origin.answers(stored, b"two", Cache_Control="max-age=60")
    assert (await world.get(stored)).body == b"two"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "BREW"])
async def test_any_method_is_forwarded_untouched(world, method):
    world.origin.answers("/a?x=%2F%20", b"ok", X_Own="yes")
    got = await world.ask(world.edges[0], "/a?x=%2F%20", method=method)
    assert (got.status, got.body, got.fields["X-Own"]) == (200, b"ok", "yes")
    assert world.origin.requests[0].method == method


async def test_redirects_and_codings_pass_as_they_are(world):
    world.origin.answers("/r", b"", status=302, Location="/elsewhere")
    world.origin.answers("/g", b"not really gzip", Content_Encoding="gzip", Cache_Control="max-age=9")
    assert (await world.get("/r")).fields["Location"] == "/elsewhere"
    assert (await world.get("/g")).body == b"not really gzip"
    assert (await world.get("/g", Accept_Encoding="gzip")).body == b"not really gzip"


async def test_the_origin_learns_who_asked_and_nobody_is_believed(world):
    world.origin.answers("/a", b"x")
    await world.get(
        "/a",
        X_Forwarded_For="6.6.6.6",
        X_Forwarded_Host="evil",
        X_Original_URL="/admin",
        Forwarded="for=6.6.6.6",
    )
    seen = world.origin.requests[0]
    assert seen.get("X-Forwarded-For") == "127.0.0.1"
    assert "evil" not in str(seen.fields)
    assert seen.get("X-Original-URL") is None
    assert "6.6.6.6" not in str(seen.fields)
    assert "edge-1" in (seen.get("Via") or "")
    assert seen.get("CDN-Loop")


@pytest.mark.requirement("9110§7.6 no-request-twice")
async def test_a_loop_is_refused_with_508(world):
    world.origin.answers("/a", b"x")
    await world.get("/a")
    loop = world.origin.requests[0].get("CDN-Loop")
    assert (await world.get("/a?other", CDN_Loop=loop)).status == 508


async def test_tags_do_not_leave_the_edge(world):
    world.origin.answers("/a", b"x", Cache_Control="max-age=60", Surrogate_Key="one two", Cache_Tag="three")
    for _ in range(2):
        got = await world.get("/a")
        assert "Surrogate-Key" not in got.fields
        assert "Cache-Tag" not in got.fields


async def test_an_origin_that_refuses_is_a_502_that_says_why(world):
    await world.origin.close()
    got = await world.get("/a")
    assert got.status == 502
    assert "fwd=uri-miss" in got.cache_status[-1]
    await world.origin.start()


async def test_an_origin_that_is_silent_is_a_504(worlds):
    async with worlds(tiers=1, fetch={"first_byte_timeout": 0.2}) as world:
        gate = asyncio.Event()
        world.origin.answers("/a", b"x", gate=gate)
        assert (await world.get("/a")).status == 504
        gate.set()


@pytest.mark.requirement("9111§3.3 broken-off-is-not-complete")
@pytest.mark.parametrize("chunked", [False, True], ids=["length short", "chunks cut off"])
async def test_a_body_that_breaks_off_is_never_whole(world, chunked):
    world.origin.answers("/a", b"x" * 50_000, Cache_Control="max-age=60", cut=20_000, chunked=chunked)
    with pytest.raises(Exception, match=r"payload|disconnected|Connection|Response"):
        await world.get("/a")
    world.origin.answers("/a", b"y" * 50_000, Cache_Control="max-age=60", chunked=chunked)
    assert (await world.get("/a")).body == b"y" * 50_000


async def test_a_failing_origin_gives_way_to_a_stale_response_where_that_is_allowed(world):
    world.origin.answers("/a", b"old", Cache_Control="max-age=10, stale-if-error=600", ETag='"1"')
    await world.get("/a")
    world.pass_time(11)
    world.origin.answers("/a", b"broken", status=503)
    got = await world.get("/a")
    assert (got.status, got.body) == (200, b"old")


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /a HTTP/1.1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"\x16\x03\x01garbage\r\n\r\n",
    ],
    ids=[
        "no host",
        "two hosts",
        "space in target",
        "space before colon",
        "two framings",
        "bad length",
        "no HTTP",
    ],
)
async def test_a_malformed_request_is_a_400_and_nothing_is_forwarded(world, raw):
    host, _, port = world.edges[0].settings.listen.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert b"Traceback" not in answer
    assert not world.origin.requests


async def test_a_large_upload_streams_through(world):
    body = bytes(range(256)) * 20_000
    world.origin.answers("/up", b"ok")
    got = await world.ask(world.edges[0], "/up", method="PUT", body=body)
    assert got.body == b"ok"
    assert world.origin.requests[0].body == body


async def test_a_head_is_answered_from_a_stored_get(world):
    world.origin.answers("/a", b"12345", Cache_Control="max-age=60")
    await world.get("/a")
    got = await world.get("/a", method="HEAD")
    assert (got.status, got.body, got.fields["Content-Length"]) == (200, b"", "5")
    assert len(world.origin.requests) == 1


async def test_an_empty_script_line_is_a_404_passed_on(world):
    world.origin.does("/a", lambda _: Line(status=404, body=b"gone"))
    assert (await world.get("/a")).status == 404


@pytest.mark.requirement("9110§15.2 interim-responses-are-forwarded")
async def test_early_hints_reach_the_client_before_the_response(world):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: max-age=60\r\n\r\nok"
    world.origin.answers("/a", raw=hints + final)
    host, _, port = world.edges[0].settings.listen.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /a HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    first, second, rest = answer.split(b"\r\n\r\n", 2)
    assert first.startswith(b"HTTP/1.1 103 ")
    assert b"Link: </style.css>; rel=preload" in first
    assert second.startswith(b"HTTP/1.1 200 ")
    assert rest == b"ok"
    assert ";hit" in (await world.get("/a")).cache_status[-1]


@pytest.mark.requirement("9110§15.2 no-interim-response-to-http-1.0")
async def test_a_client_of_http_1_0_gets_no_interim_response(world):
    world.origin.answers(
        "/a", raw=b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    host, _, port = world.edges[0].settings.listen.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /a HTTP/1.0\r\nHost: site.example\r\n\r\n")
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert b" 103 " not in answer
    assert answer.endswith(b"\r\n\r\nok")


async def test_the_whole_head_of_a_response_is_bounded_not_only_each_line(worlds):
    async with worlds(tiers=1, fetch={"head_size": "4KiB"}) as world:
        for count, status in ((9, 200), (11, 502)):
            world.origin.answers(f"/{count}", b"ok", fields=[(f"X-{n}", "a" * 400) for n in range(count)])
            got = await world.get(f"/{count}")
            assert got.status == status
        assert "http_response_header_section_size" in got.fields["Proxy-Status"]


async def test_a_head_that_one_tier_passes_is_not_too_large_for_the_next(worlds):
    async with worlds(tiers=2, fetch={"head_size": "4KiB"}) as world:
        world.origin.answers("/a", b"ok", fields=[(f"X-{n}", "a" * 400) for n in range(9)], X_Last="a" * 250)
        assert (await world.get("/a")).status == 200
