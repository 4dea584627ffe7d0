"""What a request and a response lose and gain on their way through a tier (RFC 9110 §7.6, RFC 8586, RFC 7239)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from httpcache.messages import Fields, Line, RequestHead
from httpcache.rules.decisions import Refusal
from httpcache.rules.fields import split_list
from httpcache.rules.vary import normal_value

HOP_BY_HOP = frozenset(
    (
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Fields for one connection only (RFC 9110 §7.6.1), never forwarded and never stored.

TE goes whole, "trailers" too: it would promise to pass trailer fields on (§6.5.1), and next_hop drops them.
"""

UNTRUSTED = frozenset(
    (
        "client-ip",
        "forwarded",
        "front-end-https",
        "proxy",
        "true-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-forwarded",
        "x-forwarded-by",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-path",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-proto",
        "x-forwarded-protocol",
        "x-forwarded-scheme",
        "x-forwarded-server",
        "x-forwarded-ssl",
        "x-forwarded-uri",
        "x-host",
        "x-http-host-override",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-host",
        "x-original-uri",
        "x-original-url",
        "x-real-ip",
        "x-rewrite-uri",
        "x-rewrite-url",
        "x-url-scheme",
    )
)
"""Fields by which a client could name another host, path, method, proxy or address than its own.

An underscore counts as a hyphen: many origins cannot tell the two apart.
"""

INTERNAL = frozenset(("surrogate-key", "cache-tag", "surrogate-control"))
"""Fields of a response that are for our tiers, beside those named Edgeward-…; they never leave the edge."""

CONDITIONAL = frozenset(
    ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range")
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this tier is in Via, CDN-Loop and Cache-Status."""

    name: str
    tier: str = "edge"

    @property
    def cdn_id(self) -> str:
        """The cdn-id of CDN-Loop (RFC 8586 §2): the node, so that edge then shield is no loop and twice the edge is."""
        return f"{self.name}.{self.tier}.edgeward"


def connection_options(fields: Fields) -> frozenset[str]:
    """Names that the Connection field marks as being for this connection only (RFC 9110 §7.6.1)."""
    value = fields.get("connection")
    return frozenset(option.lower() for option in split_list(value)) if value else frozenset()


def without_hop_by_hop(fields: Fields) -> Fields:
    """Fields that may go further than one connection."""
    options = connection_options(fields)
    return fields.without(HOP_BY_HOP | options if options else HOP_BY_HOP)


def is_loop(fields: Fields, identity: Identity) -> bool:
    """Whether this node has had the request before (RFC 8586 §2)."""
    value = fields.get("cdn-loop")
    if value is None:
        return False
    return any(
        member.partition(";")[0].strip().lower() == identity.cdn_id.lower() for member in split_list(value)
    )


def max_forwards_reached(request: RequestHead) -> Refusal | None:
    """TRACE and OPTIONS with Max-Forwards: 0 go no further; this tier is their final recipient (RFC 9110 §7.6.2)."""
    if _max_forwards(request.method, request.fields) != 0:
        return None
    return Refusal(204 if request.method == "OPTIONS" else 501, "max-forwards")


def _max_forwards(method: str, fields: Fields) -> int | None:
    """How often TRACE or OPTIONS may still be forwarded; None for other methods and where it is no number."""
    value = fields.get("max-forwards")
    if value is None or method not in ("TRACE", "OPTIONS") or not (value.isascii() and value.isdigit()):
        return None
    digits = value.lstrip("0")
    return MOST_FORWARDS if len(digits) > 9 else int(digits or "0")


MOST_FORWARDS = 10**9
"""The greatest Max-Forwards this tier supports: a larger one counts as this (RFC 9110 §7.6.2)."""


def for_storing(request: RequestHead) -> RequestHead:
    """The request without the client's own conditions and range, so that a whole response comes.

    Its Accept-Encoding goes in the one spelling for all that mean the same, as Vary selects by it.
    """
    return request.with_fields(_for_storing(request.fields))


@lru_cache(256)  # browsers send the same fields again and again
def _for_storing(fields: Fields) -> Fields:
    fields = fields.without(CONDITIONAL)
    accepts = fields.get("accept-encoding")
    if accepts is not None and (normal := normal_value("accept-encoding", accepts)) not in (None, accepts):
        fields = fields.replacing("Accept-Encoding", str(normal))
    return fields


def forwarded_request(
    request: RequestHead,
    client: str,
    identity: Identity,
    *,
    trusts_peer: bool,
    peer_is_proxy: bool = False,
    protocol: str = "1.1",
) -> RequestHead:
    """The request as the next hop gets it: what is for one connection dropped, who asked and who forwards added.

    `trusts_peer`: the peer is a tier of ours, and what it said of the client is kept. `peer_is_proxy`: it is a proxy
    that the operator trusts, and its X-Forwarded-For is added to. `protocol` is the version the request came in.
    """
    asks = (request.method, request.scheme, request.authority)
    told = trusts_peer, peer_is_proxy
    return request.with_fields(_forwarded(request.fields, asks, client, identity, told, protocol))


@lru_cache(256)  # as above
def _forwarded(
    fields: Fields,
    asks: tuple[str, str, str],
    client: str,
    identity: Identity,
    peer: tuple[bool, bool],
    protocol: str,
) -> Fields:
    method, scheme, authority = asks
    trusts_peer, peer_is_proxy = peer
    options = connection_options(fields)
    kept = [line for line in fields if not _stays_here(line[0].lower(), options)]
    told = Fields(kept)
    if not (trusts_peer and "x-forwarded-for" in told):
        before = told.all("x-forwarded-for") if peer_is_proxy else ()
        kept = [line for line in kept if line[0].lower().replace("_", "-") not in UNTRUSTED]
        kept += _origin(scheme, authority, (*before, client))
    if (left := _max_forwards(method, fields)) is not None:
        kept = [line for line in kept if line[0].lower() != "max-forwards"]
        kept.append(("Max-Forwards", str(max(0, left - 1))))
    # Via and CDN-Loop are never dropped, whatever Connection says: loops could not be found then (RFC 8586 §2).
    kept += [("Via", value) for value in fields.all("via")]
    kept.append(("Via", f"{protocol} {identity.name}"))
    kept += [("CDN-Loop", value) for value in fields.all("cdn-loop")]
    kept.append(("CDN-Loop", identity.cdn_id))
    return Fields(kept)


_REPLACED = frozenset(("host", "cdn-loop", "via", "expect"))


def _stays_here(name: str, options: frozenset[str]) -> bool:
    """Whether a field of a request goes no further, or is replaced by one of this tier's."""
    if name in HOP_BY_HOP or name in options or name in _REPLACED:
        return True
    return name.replace("_", "-").startswith(("edgeward-", "proxy-"))


def _origin(scheme: str, authority: str, chain: tuple[str, ...]) -> list[Line]:
    """Who asked, of which host, by which scheme: in the fields that origins read, and in Forwarded (RFC 7239)."""
    addresses = [one for part in chain for one in split_list(part)]
    nodes = [f"for={_node(one)}" for one in addresses] or ["for=unknown"]
    host = authority.replace("\\", "\\\\").replace('"', '\\"')
    return [
        ("X-Forwarded-For", ", ".join(addresses) or "unknown"),
        ("X-Forwarded-Proto", scheme),
        ("X-Forwarded-Host", authority),
        ("Forwarded", f'{", ".join(nodes)};proto={scheme};host="{host}"'),
    ]


_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}", re.ASCII)
_IPV6 = re.compile(r"\[?([0-9A-Fa-f:.]{2,45})(?:%[^\[\]]*)?\]?", re.ASCII)


def _node(address: str) -> str:
    """An address as a node of Forwarded (RFC 7239 §6): IPv6 in brackets and quotes, no zone; else "unknown"."""
    if _IPV4.fullmatch(address):
        return address
    match = _IPV6.fullmatch(address)
    return f'"[{match[1]}]"' if match and match[1].count(":") > 1 else "unknown"


def returned_fields(
    fields: Fields,
    identity: Identity,
    *,
    to_clients: bool,
    protocol: str = "1.1",
    less: frozenset[str] = frozenset(),
    more: Iterable[Line] = (),
) -> Fields:
    """The fields of a response as they go back: Via is added, and what is for our tiers stays with them.

    CDN-Cache-Control goes on, for other CDNs between here and the client (RFC 9213 §3.1). `protocol` is the version
    the response came in. `less` are further names to leave out, `more` lines to add.
    """
    stay = _stay(fields.names(), to_clients) | less | connection_options(fields)
    return fields.without(stay).adding(*more, ("Via", f"{protocol} {identity.name}"))


@lru_cache(256)  # responses have the same names again and again; any of these may be as large as a head
def _stay(names: frozenset[str], to_clients: bool) -> frozenset[str]:
    """Those of the names that go no further."""
    return frozenset(name for name in names if name in HOP_BY_HOP or (to_clients and _is_internal(name)))


def _is_internal(name: str) -> bool:
    return name in INTERNAL or name.startswith("edgeward-")
