"""Composes the head of every answer: Age, Date, ETag, Vary, Content-*, Cache-Status are put together here alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from httpcache.messages import Fields, Form, Line, RequestHead, ResponseHead, Span, StoredResponse
from httpcache.rules.cache_control import parse_request_directives
from httpcache.rules.cache_status import add_cache_status
from httpcache.rules.content_coding import choose_form, form_head, has_codings, received_coding, weight
from httpcache.rules.dates import format_http_date
from httpcache.rules.decisions import Handling, Refusal, Reuse, Served
from httpcache.rules.fields import EntityTag, parse_entity_tag, parse_entity_tags
from httpcache.rules.forwarding import Identity, returned_fields
from httpcache.rules.pieces import PartOfPiece
from httpcache.rules.preconditions import Precondition, decide_precondition
from httpcache.rules.proxy_status import add_proxy_status
from httpcache.rules.ranges import Part, Ranges, Unsatisfiable, content_range, decide_range, multipart
from httpcache.rules.storing import dated
from httpcache.settings import CodingSettings

KEPT_BY_304 = frozenset(
    ("cache-control", "content-location", "date", "etag", "expires", "vary",
     "age", "cdn-cache-control", "cache-groups", "via", "cache-status", "proxy-status")
)  # fmt: skip
"""Fields of a 304 for a client: those it must carry (RFC 9110 §15.4.5), and those of caches and tiers on the way."""

KNOWN_BY_IF_RANGE = frozenset(
    ("content-type", "content-encoding", "content-language", "last-modified", "digest", "repr-digest")
)
"""What a client that sends If-Range has from the response it got before (RFC 9110 §15.3.7)."""

CONTENT_FIELDS = frozenset(
    ("content-length", "content-type", "content-range", "content-encoding", "content-language",
     "content-md5", "content-digest", "digest", "repr-digest")
)  # fmt: skip
"""Fields that tell of a content which an answer does not carry."""

REUSING_FIELDS = frozenset(
    ("cache-control", "expires", "age", "pragma",
     "cdn-cache-control", "edgeward-cache-control", "surrogate-control")
)  # fmt: skip
"""Fields that let caches reuse an answer: they were meant for the representation, not for a refusal of it."""


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

    @property
    def is_empty(self) -> bool:
        """Whether no octets follow the head."""
        return not self.spans and self.length is not None


def whole_of(form: Form, head: ResponseHead) -> Composed:
    """All octets of a form that is held whole."""
    length = form.length or 0
    return Composed(head, form, ((0, length),) if length else (), (), length)


def compose(
    request: RequestHead,
    stored: StoredResponse,
    age: int | None,
    handling: Handling,
    context: Context,
    boundary: Callable[[], str],
) -> Composed:
    """The answer to `request` with a stored response: form, conditions and ranges, in that order (RFC 9110 §13.2.1).

    `age` is whole seconds, None when the response has just come from the next hop without an Age. The octets to send
    are the `spans` of what comes back: none where the answer has no content, or its length is not known yet.
    """
    form, head = _selected(request, stored, context)
    head = head.with_fields(_own_fields(head.fields, stored, age, handling, context))
    match decide_precondition(request, head, context.now):
        case Precondition.NOT_MODIFIED:
            return Composed(_not_modified(head, context), form, (), length=0)
        case Precondition.FAILED:
            return Composed(_refused(412, head.fields), form, (), length=0)
        case Precondition.PROCEED:
            return _ranged(request, head, form, context, boundary)


def _selected(request: RequestHead, stored: StoredResponse, context: Context) -> tuple[Form, ResponseHead]:
    """The form of a stored response that this client reads best, and its head.

    A tier, and a client that says no-transform (RFC 9111 §5.2.1.6), gets the form as received. A form that the client
    has in part or whole, by the tag that it names, comes before one that it would have to fetch anew.
    """
    received, head = stored.forms[0], stored.head
    if not (context.to_clients and has_codings(stored, context.coding)):
        return received, head
    if parse_request_directives(request.fields).no_transform:
        return received, form_head(head, received)
    accepts = request.fields.get("accept-encoding")
    best = choose_form(accepts, stored, context.coding)
    named = _named_tags(request)
    if named:
        for form in _readable_forms(accepts, stored, best, earlier="if-none-match" in request.fields):
            candidate = form_head(head, form)
            own = parse_entity_tag(candidate.fields.get("etag"))
            if own is not None and any(tag.matches_weakly(own) for tag in named):
                return form, candidate
    return best, form_head(head, best)


def _readable_forms(accepts: str | None, stored: StoredResponse, best: Form, *, earlier: bool) -> list[Form]:
    """The forms that a client reads, the best first; with `earlier`, editions that are kept no more, too.

    Who has an earlier edition has the content: it need not be sent again. But no part of it can be sent any more.
    """
    received = received_coding(stored.fields) or "identity"
    forms = [best, *(one for one in stored.forms if weight(accepts, one.coding or received) > 0)]
    return [*forms, *(replace(one, edition=0) for one in forms if one.edition and earlier)]


def _named_tags(request: RequestHead) -> tuple[EntityTag, ...]:
    """The entity tags of what the client has: those in If-None-Match, or the one in If-Range."""
    value = request.fields.get("if-none-match")
    if value is not None:
        return parse_entity_tags(value) or ()
    tag = parse_entity_tag(request.fields.get("if-range"))
    return (tag,) if tag is not None else ()


def _own_fields(
    fields: Fields, stored: StoredResponse, age: int | None, handling: Handling, context: Context
) -> Fields:
    said = [] if age is None else [("Age", str(max(0, age)))]
    if "date" not in fields:
        said.append(("Date", format_http_date(stored.response_time)))  # RFC 9110 §6.6.1
    returned = returned_fields(
        fields, context.identity, to_clients=context.to_clients, less=_TOLD_ANEW, more=said
    )
    return add_cache_status(returned, context.identity.name, handling)


_TOLD_ANEW = frozenset(("age", "content-length"))


def _not_modified(head: ResponseHead, context: Context) -> ResponseHead:
    """A 304 (RFC 9110 §15.4.5). Last-Modified guides a client's cache only where there is no ETag.

    A tier gets all that it may have to update (RFC 9111 §3.2): a 304 of the origin may have changed purge tags and
    targeted fields, too.
    """
    if not context.to_clients:
        return ResponseHead(304, head.fields.without({"content-length", "content-encoding", "content-range"}))
    kept = KEPT_BY_304 if "etag" in head.fields else KEPT_BY_304 | {"last-modified"}
    return ResponseHead(304, Fields(line for line in head.fields if line[0].lower() in kept))


def _ranged(
    request: RequestHead, head: ResponseHead, form: Form, context: Context, boundary: Callable[[], str]
) -> Composed:
    length = form.length
    decision = decide_range(request, head, length, context.now)
    if length is None:
        return Composed(head, form, (), length=None)
    if isinstance(decision, Unsatisfiable):
        told = head.fields.without({"content-range"}).adding(("Content-Range", f"bytes */{length}"))
        return Composed(_refused(416, told), form, (), length=0)
    if isinstance(decision, Ranges):
        # Between tiers the whole head goes: the part may be the first that is stored of this representation.
        is_known = context.to_clients and "if-range" in request.fields
        return _partial(head, form, decision.spans, boundary, is_known=is_known)
    fields = head.fields if head.status == 204 else head.fields.adding(("Content-Length", str(length)))
    if head.status == 200 and "accept-ranges" not in fields:
        fields = fields.adding(("Accept-Ranges", "bytes"))
    return Composed(head.with_fields(fields), form, ((0, length),) if length else (), length=length)


def _refused(status: int, fields: Fields) -> ResponseHead:
    """A 412 or 416 (RFC 9110 §15.5.13, §15.5.17) without content; no cache may take it for the representation."""
    kept = fields.without((CONTENT_FIELDS - {"content-range"}) | REUSING_FIELDS)
    return ResponseHead(status, kept.adding(("Content-Length", "0"), ("Cache-Control", "no-store")))


def _partial(
    head: ResponseHead, form: Form, spans: tuple[Span, ...], boundary: Callable[[], str], *, is_known: bool
) -> Composed:
    """A 206 with one part or several; `is_known` where the client has the rest of the head already."""
    length = form.length or 0
    # Told of the whole content, so false of a part (RFC 9530 §2); Content-Range means nothing in a 200 (§14.4).
    dropped = {"content-md5", "content-digest", "content-range"}
    if is_known:
        dropped |= KNOWN_BY_IF_RANGE if "etag" in head.fields else KNOWN_BY_IF_RANGE - {"last-modified"}
    fields = head.fields.without(dropped)
    if len(spans) == 1:
        size = spans[0][1] - spans[0][0]
        told = ("Content-Range", content_range(spans[0], length)), ("Content-Length", str(size))
        return Composed(ResponseHead(206, fields.adding(*told)), form, spans, length=size)
    separator = boundary()
    parts, octets = multipart(spans, length, head.fields.get("content-type"), separator)
    fields = fields.replacing("Content-Type", f"multipart/byteranges; boundary={separator}")
    fields = fields.adding(("Content-Length", str(octets)))
    return Composed(ResponseHead(206, fields), form, spans, parts, octets)


def part_head(response: ResponseHead, part: PartOfPiece) -> ResponseHead:
    """The head of a 206 that passes on a part of what came in another."""
    size = part.span[1] - part.span[0]
    fields = response.fields.without({"content-md5", "content-digest", "content-range", "content-length"})
    told = ("Content-Range", content_range(part.span, part.length)), ("Content-Length", str(size))
    return replace(response, fields=fields.adding(*told))


def passed_head(response: ResponseHead, handling: Handling, context: Context) -> ResponseHead:
    """The head of a response that is passed on as it comes, with a Date (RFC 9110 §6.6.1)."""
    fields = returned_fields(
        dated(response.fields, context.now), context.identity, to_clients=context.to_clients
    )
    return response.with_fields(add_cache_status(fields, context.identity.name, handling))


def failed(
    refusal: Refusal, handling: Handling, context: Context, error: str = "", words: str = ""
) -> tuple[ResponseHead, bytes]:
    """An answer of our own: a status, a short text that says why, and Proxy-Status where the next hop is to blame."""
    lines: list[Line] = [("Date", format_http_date(context.now)), ("Cache-Control", "no-store")]
    body = b""
    if refusal.status != 204:  # which has neither content nor a length (RFC 9110 §8.6)
        body = f"{refusal.status} {words or refusal.detail}\n".encode("utf-8", "surrogateescape")
        lines += [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    fields = Fields((*lines, ("Via", f"1.1 {context.identity.name}")))
    if error:
        fields = add_proxy_status(fields, context.identity.name, error, words)
    return ResponseHead(refusal.status, add_cache_status(fields, context.identity.name, handling)), body


def reused_handling(reuse: Reuse, key: str) -> Handling:
    """What is said of a request that is answered from the store, without asking."""
    served = Served.STALE if reuse.ttl < 0 else Served.HIT
    return Handling(served, hit=True, ttl=reuse.ttl, key=key, detail=reuse.detail)


def refused_handling(refusal: Refusal, key: str = "") -> Handling:
    """What Cache-Status says of a request that went no further."""
    return Handling(Served.ERROR, key=key, detail=refusal.detail)
