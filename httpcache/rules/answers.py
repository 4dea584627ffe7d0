"""Composes the head of every answer: Age, Date, ETag, Vary, Content-*, Cache-Status are put together here alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from httpcache.messages import Fields, Form, Line, RequestHead, ResponseHead, Span, StoredResponse
from httpcache.rules.cache_control import parse_request_directives
from httpcache.rules.cache_status import add_cache_status
from httpcache.rules.content_coding import choose_coding, coded_head, is_codable, varying_by_coding
from httpcache.rules.dates import format_http_date
from httpcache.rules.decisions import Handling, Refusal, Served
from httpcache.rules.forwarding import Identity, returned_fields
from httpcache.rules.preconditions import Precondition, decide_precondition
from httpcache.rules.proxy_status import render as render_proxy_status
from httpcache.rules.ranges import Part, Ranges, Unsatisfiable, content_range, decide_range, multipart
from httpcache.settings import CodingSettings

KEPT_BY_304 = frozenset(
    ("cache-control", "content-location", "date", "etag", "expires", "vary", "age", "via", "cache-status",
     "cdn-cache-control", "set-cookie", "last-modified")
)  # fmt: skip
"""Fields of a 304: those it must carry (RFC 9110 §15.4.5), and those that tell of this exchange."""

KNOWN_BY_IF_RANGE = frozenset(("content-type", "content-encoding", "content-language", "last-modified"))
"""What a client that sends If-Range has from the response it got before (RFC 9110 §15.3.7)."""

CONTENT_FIELDS = ("content-length", "content-type", "content-range", "content-encoding", "content-language")


@dataclass(frozen=True, slots=True)
class Context:
    """What the composition of an answer needs beside the response: who answers, whom, and when (Unix seconds)."""

    identity: Identity
    to_clients: bool
    coding: CodingSettings
    now: float


@dataclass(frozen=True, slots=True)
class Composed:
    """A head, and which octets of which form follow it. `parts` is for several ranges; `length` is None if unknown."""

    head: ResponseHead
    form: Form
    spans: tuple[Span, ...]
    parts: tuple[Part, ...] = ()
    length: int | None = None


def compose(
    request: RequestHead,
    stored: StoredResponse,
    age: int | None,
    handling: Handling,
    context: Context,
    boundary: Callable[[], str],
) -> Composed:
    """The answer to `request` with a stored response: form, conditions and ranges, in that order (RFC 9110 §13.2.1).

    `age` is whole seconds, None when the response has just come from the next hop without an Age.
    """
    form, head = _selected(request, stored, context)
    head = replace(head, fields=_own_fields(head.fields, age, handling, context))
    match decide_precondition(request, head, context.now):
        case Precondition.NOT_MODIFIED:
            kept = Fields(line for line in head.fields if line[0].lower() in KEPT_BY_304)
            return Composed(ResponseHead(304, kept), form, (), length=0)
        case Precondition.FAILED:
            return Composed(ResponseHead(412, _bare(head.fields)), form, (), length=0)
        case Precondition.PROCEED:
            return _ranged(request, head, form, context, boundary)


def _selected(request: RequestHead, stored: StoredResponse, context: Context) -> tuple[Form, ResponseHead]:
    """The form of a stored response that this client reads best, and its head."""
    received = stored.forms[0]
    head = stored.head
    if not (context.to_clients and stored.status == 200 and is_codable(stored.fields, context.coding)):
        return received, head
    if parse_request_directives(request.fields).no_transform:
        return received, replace(head, fields=varying_by_coding(head.fields))  # RFC 9111 §5.2.1.6
    made = [one for one in context.coding.codings if stored.form(one) is not None]
    coding = choose_coding(request.fields.get("accept-encoding"), made)
    form = stored.form(coding) or received
    if form.coding:
        return form, coded_head(head, form.coding)
    return received, replace(head, fields=varying_by_coding(head.fields))


def _own_fields(fields: Fields, age: int | None, handling: Handling, context: Context) -> Fields:
    lines = fields.without({"age", "content-length"})
    if age is not None:
        lines = lines.adding(("Age", str(max(0, age))))
    if "date" not in lines:
        lines = lines.adding(("Date", format_http_date(context.now)))  # RFC 9110 §6.6.1
    returned = returned_fields(lines, context.identity, to_clients=context.to_clients)
    return add_cache_status(returned, context.identity.name, handling)


def _ranged(
    request: RequestHead, head: ResponseHead, form: Form, context: Context, boundary: Callable[[], str]
) -> Composed:
    length = form.length
    decision = decide_range(request, head, length, context.now)
    if length is None:
        return Composed(head, form, (), length=None)
    if isinstance(decision, Unsatisfiable):
        fields = _bare(head.fields).adding(("Content-Range", f"bytes */{length}"))
        return Composed(ResponseHead(416, fields), form, (), length=0)
    if isinstance(decision, Ranges):
        if context.to_clients and "if-range" in request.fields and len(decision.spans) == 1:
            # Between tiers the whole head goes: the part may be the first that is stored of this representation.
            head = replace(head, fields=head.fields.without(KNOWN_BY_IF_RANGE))
        return _partial(head, form, decision.spans, length, boundary)
    bodiless = head.status in (204, 304)
    fields = head.fields if bodiless else head.fields.adding(("Content-Length", str(length)))
    if head.status == 200 and "accept-ranges" not in fields:
        fields = fields.adding(("Accept-Ranges", "bytes"))
    return Composed(replace(head, fields=fields), form, ((0, length),), length=length)


def _partial(
    head: ResponseHead, form: Form, spans: tuple[Span, ...], length: int, boundary: Callable[[], str]
) -> Composed:
    if len(spans) == 1:
        size = spans[0][1] - spans[0][0]
        fields = head.fields.adding(
            ("Content-Range", content_range(spans[0], length)), ("Content-Length", str(size))
        )
        return Composed(ResponseHead(206, fields), form, spans, length=size)
    separator = boundary()
    parts, octets = multipart(spans, length, head.fields.get("content-type"), separator)
    fields = head.fields.replacing("Content-Type", f"multipart/byteranges; boundary={separator}")
    return Composed(
        ResponseHead(206, fields.adding(("Content-Length", str(octets)))), form, spans, parts, octets
    )


def _bare(fields: Fields) -> Fields:
    """Fields of an answer without content of its own."""
    return fields.without(CONTENT_FIELDS).adding(("Content-Length", "0"))


def passed_head(response: ResponseHead, handling: Handling, context: Context) -> ResponseHead:
    """The head of a response that is passed on as it comes."""
    fields = response.fields
    if "date" not in fields:
        fields = fields.adding(("Date", format_http_date(context.now)))
    fields = returned_fields(fields, context.identity, to_clients=context.to_clients)
    return replace(response, fields=add_cache_status(fields, context.identity.name, handling))


def failed(
    refusal: Refusal, handling: Handling, context: Context, error: str = "", words: str = ""
) -> tuple[ResponseHead, bytes]:
    """An answer of our own: a status, a short text that says why, and Proxy-Status where the next hop is to blame."""
    body = f"{refusal.status} {words or refusal.detail}\n".encode()
    lines: list[Line] = [
        ("Date", format_http_date(context.now)),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Via", f"1.1 {context.identity.name}"),
    ]
    if error:
        lines.append(("Proxy-Status", render_proxy_status(context.identity.name, error, words)))
    return ResponseHead(
        refusal.status, add_cache_status(Fields(lines), context.identity.name, handling)
    ), body


def refused_handling(refusal: Refusal, key: str = "") -> Handling:
    """What Cache-Status says of a request that went no further."""
    return Handling(Served.ERROR, key=key, detail=refusal.detail)
