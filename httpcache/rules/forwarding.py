"""What a request and a response lose and gain on their way through a tier (RFC 9110 §7.6, RFC 8586, RFC 7239)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from httpcache.messages import Fields, Line, RequestHead
from httpcache.rules.decisions import Refusal
from httpcache.rules.fields import split_list

HOP_BY_HOP = frozenset(
    (
        "connection",
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
"""Fields for one connection only (RFC 9110 §7.6.1), never forwarded and never stored."""

UNTRUSTED = frozenset(
    (
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-forwarded-scheme",
        "x-forwarded-server",
        "x-forwarded-prefix",
        "x-http-method-override",
        "x-method-override",
        "x-http-method",
        "x-original-host",
        "x-original-url",
        "x-host",
        "x-rewrite-url",
        "x-real-ip",
        "edgeward-purge-mark",
    )
)
"""Fields by which a client could name another host, path, method or address than its own."""

INTERNAL = frozenset(("surrogate-key", "cache-tag", "surrogate-control", "edgeward-cache-control"))
"""Fields of a response that are for our tiers; they never leave the edge."""

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
    return fields.without(HOP_BY_HOP | connection_options(fields))


def is_loop(fields: Fields, identity: Identity) -> bool:
    """Whether this node has had the request before (RFC 8586 §2)."""
    value = fields.get("cdn-loop")
    if value is None:
        return False
    return any(
        member.partition(";")[0].strip().lower() == identity.cdn_id.lower() for member in split_list(value)
    )


def max_forwards_reached(request: RequestHead) -> Refusal | None:
    """TRACE and OPTIONS with Max-Forwards: 0 go no further (RFC 9110 §7.6.2)."""
    if request.method not in ("TRACE", "OPTIONS"):
        return None
    value = (request.fields.get("max-forwards") or "").strip()
    return Refusal(204 if request.method == "OPTIONS" else 501, "max-forwards") if value == "0" else None


def for_storing(request: RequestHead) -> RequestHead:
    """The request without the client's own conditions and range, so that a whole response comes."""
    return replace(request, fields=request.fields.without(CONDITIONAL))


def forwarded_request(
    request: RequestHead, client: str, identity: Identity, *, trusts_peer: bool
) -> RequestHead:
    """The request as the next hop gets it: what is for one connection dropped, who asked and who forwards added."""
    fields = without_hop_by_hop(request.fields).without(
        {"host", "cdn-loop", "via", "expect", "edgeward-purge-mark"}
    )
    before = request.fields
    if trusts_peer and "x-forwarded-for" in before:
        origin: tuple[Line, ...] = ()
    else:
        fields = fields.without(UNTRUSTED)
        origin = (
            ("X-Forwarded-For", client),
            ("X-Forwarded-Proto", request.scheme),
            ("X-Forwarded-Host", request.authority),
            ("Forwarded", _forwarded(client, request)),
        )
    if request.method in ("TRACE", "OPTIONS"):
        fields = _one_forward_less(fields)
    return replace(
        request,
        fields=fields.adding(
            *origin,
            *(("Via", value) for value in before.all("via")),
            ("Via", f"1.1 {identity.name}"),
            *(("CDN-Loop", value) for value in before.all("cdn-loop")),
            ("CDN-Loop", identity.cdn_id),
        ),
    )


def _forwarded(client: str, request: RequestHead) -> str:
    node = f'"[{client}]"' if ":" in client else client or "unknown"
    return f'for={node};proto={request.scheme};host="{request.authority}"'


def _one_forward_less(fields: Fields) -> Fields:
    value = fields.get("max-forwards")
    if value is None or not value.isascii() or not value.isdigit():
        return fields
    return fields.replacing("Max-Forwards", str(max(0, int(value) - 1)))


def returned_fields(fields: Fields, identity: Identity, *, to_clients: bool) -> Fields:
    """The fields of a response as they go back: Via is added, and what is for our tiers stays with them."""
    kept = without_hop_by_hop(fields)
    if to_clients:
        kept = kept.without(INTERNAL)
    return kept.adding(("Via", f"1.1 {identity.name}"))
