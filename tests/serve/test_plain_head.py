"""Plain heads: a part of HTTP/1.1 that no two parsers read differently, so that nothing can be smuggled past one."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given, settings
from hypothesis import strategies as st

from httpcache.serve.plain_head import END, read_plain_head

GOOD = b"GET /a?b HTTP/1.1\r\nHost: site.example\r\nX-One:  two \t\r\n\r\n"


def test_a_plain_head_is_read():
    head = read_plain_head(GOOD)
    assert (head.method, head.target) == ("GET", "/a?b")
    assert head.lines == (("Host", "site.example"), ("X-One", "two"))
    assert head.values == {"host": "site.example", "x-one": "two"}


def with_line(line: bytes) -> bytes:
    """The good head with one more line."""
    return GOOD.replace(b"X-One", line + b"\r\nX-One")


NOT_PLAIN = {
    "a body of some length": with_line(b"Content-Length: 5"),
    "a body of no length": with_line(b"content-length: 0"),
    "a chunked body": with_line(b"Transfer-Encoding: chunked"),
    "a coding nobody knows": with_line(b"transfer-encoding : xchunked"),
    "a name with an underscore is another name, a space before the colon is none": with_line(b"X : y"),
    "a folded line": with_line(b"A: b\r\n c"),
    "a folded line with a tab": with_line(b"A: b\r\n\tc"),
    "a line without a colon": with_line(b"nonsense"),
    "a line without a name": with_line(b": b"),
    "a bare CR in a value": with_line(b"A: b\rContent-Length: 5"),
    "a bare LF in a value": with_line(b"A: b\nContent-Length: 5"),
    "a NUL": with_line(b"A: b\x00c"),
    "octets beyond ASCII": with_line(b"A: \xe9"),
    "a host twice": with_line(b"host: other.example"),
    "any field twice": with_line(b"x-one: 3"),
    "a request to upgrade": with_line(b"Upgrade: h2c"),
    "settings of HTTP/2": with_line(b"HTTP2-Settings: AAMAAABkAAQAAP__"),
    "a wish to wait": with_line(b"Expect: 100-continue"),
    "the end of the connection": with_line(b"Connection: close"),
    "a field for this connection": with_line(b"Connection: keep-alive, x-one"),
    "a condition for the origin": with_line(b"If-Match: *"),
    "lines that end in LF": GOOD.replace(b"\r\n", b"\n"),
    "a last line that ends in LF": GOOD[:-2] + b"\n",
    "an empty line before": b"\r\n" + GOOD,
    "a space before": b" " + GOOD,
    "octets behind": GOOD + b"x",
    "two heads": GOOD + GOOD,
    "no host": GOOD.replace(b"Host", b"Hosts"),
    "no field": b"GET / HTTP/1.1\r\n\r\n",
    "another method": GOOD.replace(b"GET", b"POST"),
    "a method in small letters": GOOD.replace(b"GET", b"get"),
    "two spaces": GOOD.replace(b"GET ", b"GET  "),
    "a tab for a space": GOOD.replace(b"GET ", b"GET\t"),
    "an older version": GOOD.replace(b"1.1", b"1.0"),
    "a newer version": GOOD.replace(b"1.1", b"1.2"),
    "no version": GOOD.replace(b" HTTP/1.1", b""),
    "a version in small letters": GOOD.replace(b"HTTP/", b"http/"),
    "a space behind the version": GOOD.replace(b"1.1\r", b"1.1 \r"),
    "a whole URI": GOOD.replace(b"/a?b", b"http://other.example/"),
    "an authority": GOOD.replace(b"/a?b", b"//other.example/"),
    "a fragment": GOOD.replace(b"/a?b", b"/a#b"),
    "a backslash": GOOD.replace(b"/a?b", b"/a\\b"),
    "nothing": b"",
    "not all of it": GOOD[:-1],
}


@pytest.mark.parametrize("octets", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_what_parsers_could_differ_on_is_not_plain(octets):
    assert read_plain_head(octets) is None


PARTS = st.sampled_from(
    [b"GET", b"HEAD", b"POST", b" ", b"/", b"/a", b"?", b"//", b"%", b"HTTP/1.1", b"HTTP/1.0", b"\r\n", b"\n", b"\r",
     b"Host", b":", b"site.example", b"Content-Length", b"5", b"Transfer-Encoding", b"chunked", b"\t", b"X", b"\x00",
     b"\xff", b"_", b"-", b"\x0b", b"\x7f", b"Connection", b"close", b"keep-alive", b"@", b"[", b"|", b"\"", b"{"]
)  # fmt: skip


@st.composite
def near_heads(draw) -> bytes:
    """A good head in which parts were put, dropped or changed."""
    head = draw(st.sampled_from([GOOD, GOOD.replace(b"GET", b"HEAD"), with_line(b"Cookie: a=b; c")]))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(head)))
        head = (
            head[:at] + draw(st.one_of(PARTS, st.binary(max_size=3))) + head[at + draw(st.integers(0, 2)) :]
        )
    return head


@settings(max_examples=1500)
@given(near_heads())
def test_what_is_plain_is_one_whole_request_without_content_to_the_other_parser_too(octets):
    head = read_plain_head(octets)
    if head is None:
        return
    assert octets.index(END) + len(END) == len(octets)
    loop = asyncio.new_event_loop()
    try:
        parser = HttpRequestParser(None, loop, 2**16)
        messages, upgraded, tail = parser.feed_data(octets)
        again, _, _ = parser.feed_data(GOOD)
    finally:
        loop.close()
    (message, content), *more = messages
    assert not more
    assert not upgraded
    assert tail == b""
    assert content.is_eof()
    assert not message.should_close
    assert (message.method, message.path) == (head.method, head.target)
    assert [(name.decode(), value.decode().strip(" \t")) for name, value in message.raw_headers] == list(
        head.lines
    )
    assert [one.path for one, _ in again] == ["/a?b"]
