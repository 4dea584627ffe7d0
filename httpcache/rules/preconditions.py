"""Conditional requests of clients, evaluated on a stored representation (RFC 9110 §13, RFC 9111 §4.3.2)."""

from __future__ import annotations

from enum import Enum

from httpcache.messages import Fields, RequestHead, ResponseHead
from httpcache.rules.dates import parse_http_date
from httpcache.rules.fields import parse_entity_tag, parse_entity_tags


class Precondition(Enum):
    """How a request's conditions come out."""

    PROCEED = "proceed"
    NOT_MODIFIED = "not-modified"
    FAILED = "failed"


def is_for_origin(request: RequestHead) -> bool:
    """Whether a condition is for the origin alone: no cache evaluates it, so the request is forwarded (9111 §4.3.2)."""
    return "if-match" in request.fields or "if-unmodified-since" in request.fields


def decide_precondition(request: RequestHead, head: ResponseHead, now: float) -> Precondition:
    """Evaluate in the order of RFC 9110 §13.2.2 against the selected form's head; `now` is Unix seconds.

    Conditions count only where the answer would be 2xx (§13.2.1). A request for which is_for_origin holds is not
    answered by what is stored. Where one comes here all the same, its response was asked for without its conditions:
    then this tier stands for the origin (§3.7) in steps 1 and 2, for otherwise nobody would evaluate them.
    """
    if request.method not in ("GET", "HEAD") or not 200 <= head.status < 300:
        return Precondition.PROCEED
    fields = request.fields
    if_match, if_none_match = fields.get("if-match"), fields.get("if-none-match")
    if if_match is not None:
        if not _matches(if_match, head.fields, strongly=True):
            return Precondition.FAILED
    elif "if-unmodified-since" in fields:
        since = parse_http_date(fields.get("if-unmodified-since"), now)
        modified = parse_http_date(head.fields.get("last-modified"), now)
        if since is not None and modified is not None and modified > since:
            return Precondition.FAILED
    if if_none_match is not None:
        matched = _matches(if_none_match, head.fields, strongly=False)
        return Precondition.NOT_MODIFIED if matched else Precondition.PROCEED
    if "if-modified-since" in fields:
        since = parse_http_date(fields.get("if-modified-since"), now)
        modified = parse_http_date(head.fields.get("last-modified") or head.fields.get("date"), now)
        if since is not None and modified is not None and modified <= since:
            return Precondition.NOT_MODIFIED
    return Precondition.PROCEED


def _matches(value: str, fields: Fields, *, strongly: bool) -> bool:
    tags = parse_entity_tags(value)
    if tags is None:
        return True  # "*": there is a representation
    own = parse_entity_tag(fields.get("etag"))
    if own is None:
        return False
    return any(tag.matches_strongly(own) if strongly else tag.matches_weakly(own) for tag in tags)
