"""Nothing is smuggled between the lanes of a connection: whatever one makes of octets, so does the other."""

from __future__ import annotations

import pytest

from tests.scenarios.any_request import plain
from tests.scenarios.forms import FORMS, run_in
from tests.scenarios.two_lanes import TwoLanes

HIDDEN = plain("/hidden")
"""What an attacker wants one parser to take for content and the other for a request."""


def post(*lines: str, body: bytes = HIDDEN) -> bytes:
    """A request with content."""
    return plain("/hit", *lines, method="POST") + body


def get(*lines: str, body: bytes = HIDDEN) -> bytes:
    """A request that the fast lane could answer, but for its framing."""
    return plain("/hit", *lines) + body


LENGTH = f"Content-Length: {len(HIDDEN)}"
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
ATTACKS = {
    "content of a GET": get(LENGTH),
    "content of a GET whose name has no capitals": get(LENGTH.lower()),
    "content of a HEAD": get(LENGTH).replace(b"GET /hit", b"HEAD /hit"),
    "content of a POST": post(LENGTH),
    "two lengths": get("Content-Length: 0", LENGTH),
    "two lengths the other way round": get(LENGTH, "Content-Length: 0"),
    "a list of lengths": get(f"{LENGTH}, 0"),
    "a length with a sign": get(f"Content-Length: +{len(HIDDEN)}"),
    "a length with a space before the colon": get(f"Content-Length : {len(HIDDEN)}"),
    "a length in a folded line": get("X: y\r\n " + LENGTH),
    "a length behind a bare CR": get("X: y\r" + LENGTH),
    "a length behind a bare LF": get("X: y\n" + LENGTH),
    "a length behind a NUL": get("X: y\x00" + LENGTH),
    "a length with an underscore": get(LENGTH.replace("-", "_")),
    "a length in hexadecimal": get("Content-Length: 0x10"),
    "a length of nothing": get("Content-Length:"),
    "chunks of a GET": get("Transfer-Encoding: chunked", body=CHUNKED),
    "chunks and a length": get("Content-Length: 4", "Transfer-Encoding: chunked", body=CHUNKED),
    "chunks, the coding hidden by a tab": get("Transfer-Encoding:\tchunked", body=CHUNKED),
    "chunks, the coding hidden by a vertical tab": get("Transfer-Encoding: \x0bchunked", body=CHUNKED),
    "chunks, the coding misspelt": get("Transfer-Encoding: xchunked", body=CHUNKED),
    "chunks, the coding named twice": get(
        "Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=CHUNKED
    ),
    "chunks with an extension": get(
        "Transfer-Encoding: chunked", body=CHUNKED.replace(b"\r\n", b";a=b\r\n", 1)
    ),
    "chunks with a trailer": get("Transfer-Encoding: chunked", body=CHUNKED[:-2] + b"X: y\r\n\r\n"),
    "a chunk that ends in what ends a head": post(
        "Transfer-Encoding: chunked", body=b"4\r\n\r\n\r\n\r\n0\r\n\r\n"
    ),
    "a request to upgrade": get(
        "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk"
    ),
    "a request to change to websocket": get("Upgrade: websocket", "Connection: Upgrade"),
    "an expectation": get("Expect: 100-continue", LENGTH),
    "lines that end in LF": get(LENGTH).replace(b"\r\n", b"\n", 3),
    "a last line that ends in LF": plain("/hit")[:-2] + b"\n" + HIDDEN,
    "a blank line that is not empty": plain("/hit")[:-2] + b" \r\n" + HIDDEN,
    "no version": b"GET /hit\r\n" + HIDDEN,
    "two hosts": get("Host: other.example"),
    "a whole URI of another host": get().replace(b"/hit", b"http://other.example/hit"),
    "octets that are no request": b"\x16\x03\x01\x02\x00" + HIDDEN,
    "half a request line": b"GET /hit HTTP/1.1\r\n" + HIDDEN,
}


@pytest.fixture(params=FORMS)
async def lanes(tmp_path, request, monkeypatch):
    """Both edges; what is to be hit is in RAM, what is hidden or missed is not."""
    run_in(request.param, monkeypatch)
    async with TwoLanes(tmp_path) as made:
        made.origin.answers("/hit", b"hit", Cache_Control="max-age=600")
        made.origin.answers("/hidden", b"hidden", Cache_Control="no-store")
        made.origin.answers("/missed", b"missed", Cache_Control="no-store")
        await made.both(plain("/hit"))
        yield made


async def _sees(lanes: TwoLanes, raw: bytes, split: tuple[int, ...], node: int) -> tuple[bytes, list[str]]:
    """What one edge answers, and what it asks the origin meanwhile."""
    lanes.origin.requests.clear()
    answer = await lanes._one(lanes.edges[node], raw, split, plain("/hit", "Connection: close"))
    return answer, [f"{seen.method} {seen.target} {seen.body!r}" for seen in lanes.origin.requests]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_both_lanes_see_the_same_requests(lanes, attack):
    first = plain("/hit")
    whole, apart = (), (len(first),)
    within = (len(first), len(first) + attack.index(b"\n") + 1, len(first) + len(attack) - len(HIDDEN) // 2)
    missed = plain("/missed")
    behind_a_miss = (len(missed), len(missed) + attack.index(b"\n") + 1)
    for raw, split in (
        (attack, whole),
        (first + attack, apart),
        (first + attack, within),
        (missed + attack, behind_a_miss[:1]),  # in one read, the framework drops what is before a fault
        (missed + attack, behind_a_miss),
        (missed + attack + missed, (*behind_a_miss, len(missed) + len(attack))),
    ):
        fast, asked_by_fast = await _sees(lanes, raw, split, 0)
        slow, asked_by_slow = await _sees(lanes, raw, split, 1)
        assert asked_by_fast == asked_by_slow
        # Where a connection ends while the client still writes, the last of its answers may be lost.
        assert fast == slow or (b" 400 " in fast + slow and (fast.startswith(slow) or slow.startswith(fast)))


async def test_a_head_that_was_remembered_is_not_found_within_content(lanes):
    """The very octets of a head that the fast lane knows are the content of a request."""
    known = plain("/hit")
    before = lanes.fast_hits
    carrier = plain("/hidden", f"Content-Length: {len(known)}", method="POST")
    fast, asked = await _sees(lanes, known + carrier + known, (len(known), len(known) + len(carrier)), 0)
    assert fast.count(b"HTTP/1.1 ") == 3
    assert asked == [f"POST /hidden {known!r}"]
    assert lanes.fast_hits == before + 1
