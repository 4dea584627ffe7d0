"""Requests and stored responses for tables of rules. NOW is the time of every row; a response came 100 s before it."""

from __future__ import annotations

from httpcache.messages import Fields, Form, RequestHead, ResponseHead, StoredResponse
from httpcache.rules.dates import format_http_date
from httpcache.rules.decisions import Candidate, Standing
from httpcache.rules.vary import selecting_fields, vary_names
from httpcache.settings import SitePolicy

NOW = 1_700_000_000.0
RECEIVED = NOW - 100
DATE = format_http_date(RECEIVED)
POLICY = SitePolicy()


def lines(**fields: str) -> Fields:
    """Field lines from keyword arguments: Cache_Control="max-age=1"."""
    return Fields((name.replace("_", "-"), value) for name, value in fields.items())


def get(method: str = "GET", target: str = "/a", **fields: str) -> RequestHead:
    """A request for http://site.example/a."""
    return RequestHead(method, "http", "site.example", target, lines(**fields))


def response(status: int = 200, **fields: str) -> ResponseHead:
    """A response of that moment."""
    return ResponseHead(status, lines(**({"Date": DATE} | fields)))


def stored(
    status: int = 200, *, request: RequestHead | None = None, received: float = RECEIVED, **fields: str
) -> StoredResponse:
    """A response stored 100 s ago, 10 bytes long, asked for by `request`."""
    kept = lines(**({"Date": format_http_date(received)} | fields))
    return StoredResponse(
        key="http://site.example/a",
        uri="site.example/a",
        status=status,
        reason="",
        fields=kept,
        request_time=received,
        response_time=received,
        selecting=selecting_fields((request or get()).fields, vary_names(kept) or ()),
        forms=(Form("", "id", 10, ((0, 10),)),),
    )


def candidate(standing: Standing = Standing.GOOD, **fields: str) -> Candidate:
    """A stored response as a candidate."""
    return Candidate(stored(**fields), standing)
