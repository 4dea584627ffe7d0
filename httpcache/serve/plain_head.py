"""The heads that the fast and the middle lane read: a part of HTTP/1.1 so plain that every parser reads it the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from httpcache.messages import Fields, Line, RequestHead
from httpcache.rules.decisions import Refusal
from httpcache.rules.request_target import read_target
from httpcache.serve.peers import Peers
from httpcache.settings import ServeSettings

END = b"\r\n\r\n"
"""What ends a head; it cannot occur within a plain one."""

_PLAIN = re.compile(
    rb"(GET|HEAD) (/(?!/)[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*|/) HTTP/1\.1\r\n"
    rb"((?:[A-Za-z0-9!#$%&'*+.^_`|~-]+:[\t -~]*\r\n)+)\r\n"
)
"""Request line and field lines in visible ASCII, each ended by CRLF; no folding, no space before a colon."""

NOT_PLAIN = frozenset(
    (
        "content-length",
        "transfer-encoding",
        "trailer",
        "expect",
        "upgrade",
        "http2-settings",
        "if-match",
        "if-unmodified-since",
    )
)
"""Fields that a plain head does not have: a body may follow, the connection change, or the origin alone may judge."""


@dataclass(frozen=True, slots=True, eq=False)
class PlainHead:
    """A request line and its field lines; `values` by lower-case name, each of which occurs once."""

    method: str
    target: str
    lines: tuple[Line, ...]
    values: Mapping[str, str]


@lru_cache(16)  # two lanes read the same head, one after the other
def read_plain_head(octets: bytes) -> PlainHead | None:
    """The head that these octets are, first to last; None when they are anything else, or not plain."""
    match = _PLAIN.fullmatch(octets)
    if match is None:
        return None
    lines: list[Line] = []
    values: dict[str, str] = {}
    for line in match[3].decode("ascii")[:-2].split("\r\n"):
        name, _, value = line.partition(":")
        value = value.strip(" \t")
        lines.append((name, value))
        values[name.lower()] = value
    if len(values) != len(lines) or "host" not in values or not NOT_PLAIN.isdisjoint(values):
        return None
    if values.get("connection", "keep-alive").lower() != "keep-alive":
        return None
    return PlainHead(match[1].decode("ascii"), match[2].decode("ascii"), tuple(lines), values)


def plain_request(plain: PlainHead, peer: str, peers: Peers, limits: ServeSettings) -> RequestHead | None:
    """The request of a plain head, within the limits that the slow lane keeps; None when it is refused there."""
    values = plain.values
    if len(plain.target) > limits.url_length or len(plain.lines) > limits.fields:
        return None
    return _request(plain, peers.scheme(peer, values.get("x-forwarded-proto", "")))


@lru_cache(16)  # as above
def _request(plain: PlainHead, scheme: str) -> RequestHead | None:
    target = read_target(plain.method, plain.target, [plain.values["host"]], scheme, is_http_11=True)
    if isinstance(target, Refusal):
        return None
    fields = Fields(plain.lines, plain.values)
    return RequestHead(plain.method, target.scheme, target.authority, target.target, fields)
