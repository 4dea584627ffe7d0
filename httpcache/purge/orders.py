"""Orders: what an operator wants forgotten. Parsed from JSON, with names as stored responses have them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import assert_never

import msgspec

from httpcache.purge.problems import Problem
from httpcache.rules.cache_key import uri_of_url
from httpcache.settings import SitePolicy
from httpcache.spelling import names_of, one_spelling

LONGEST_TARGET = 8192
"""Characters of one target; a longer URL cannot have been stored."""

LONGEST_WAIT = 600.0
"""Longest wait for a receipt, in seconds."""

_TAG = re.compile(r"[^\s,\x00-\x1f\x7f](?:[^,\x00-\x1f\x7f]*[^\s,\x00-\x1f\x7f])?")
CUT_ESCAPE = re.compile(r"%[0-9A-Fa-f]?\Z")
"""The beginning of an escape at the end of a prefix: the whole one may be spelt as another character."""

_NOT_A_HOST = re.compile(r"[/?#]")
_EITHER_PORT = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<authority>[^/?#@]+:0*(?P<port>80|443))(?=[/?#]|\Z)", re.IGNORECASE
)
_OTHER_SCHEME = re.compile(r"(?!https?://)[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class Kind(StrEnum):
    """What an order names."""

    URL = "url"
    PREFIX = "prefix"
    TAG = "tag"
    HOST = "host"
    EVERYTHING = "everything"


class Order(msgspec.Struct, frozen=True):
    """One order. `soft` makes what it covers stale; otherwise it is gone. `targets` are empty for everything."""

    kind: Kind
    targets: tuple[str, ...] = ()
    soft: bool = False


class OrderDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of POST /v1/purges. `wait` is the longest wait for the receipt, in seconds.

    With `dry`, nothing is ordered: what it would match is counted.
    """

    kind: Kind
    targets: tuple[str, ...] = ()
    soft: bool = False
    wait: float = 0.0
    dry: bool = False


_DECODER = msgspec.json.Decoder(OrderDocument)


def parse_order(body: bytes, most_targets: int) -> tuple[Order, float] | Problem:
    """The order and how long its sender waits for the receipt, or the 400 that says what is wrong."""
    try:
        document = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Problem(400, "order-malformed", f"The body is not an order: {error}.")
    order = checked(document, most_targets, document.wait)
    return order if isinstance(order, Problem) else (order, document.wait)


def checked(document: OrderDocument, most_targets: int, wait: float) -> Order | Problem:
    """The order of a document whose sender waits so many seconds, or the 400 that says what is wrong."""
    if not 0 <= wait <= LONGEST_WAIT:
        return Problem(400, "wait-out-of-range", f"`wait` is a number of seconds from 0 to {LONGEST_WAIT:g}.")
    order = Order(document.kind, document.targets, document.soft)
    return _fault(order, most_targets) or order


def told(order: Order, most: int = 10) -> dict[str, object]:
    """An order as the audit log tells it: of many targets the first ones, and how many there are."""
    entry: dict[str, object] = {"kind": str(order.kind), "soft": order.soft, "targets": order.targets[:most]}
    return entry if len(order.targets) <= most else {**entry, "of": len(order.targets)}


def url_order(url: str, *, soft: bool) -> bytes:
    """The JSON of an order for one URL, as a PURGE request stands for it and its token signs it."""
    order = {"kind": "url", "targets": [url], **({"soft": True} if soft else {})}
    return msgspec.json.encode(order)


def _fault(order: Order, most_targets: int) -> Problem | None:
    if order.kind is Kind.EVERYTHING:
        if order.targets:
            return Problem(400, "targets-not-empty", "An order for everything has no targets.")
        return None
    if not order.targets:
        return Problem(400, "targets-empty", f"An order by {order.kind} names at least one target.")
    if len(order.targets) > most_targets:
        return Problem(400, "too-many-targets", f"An order has at most {most_targets} targets.")
    for target in order.targets:
        if len(target) > LONGEST_TARGET or normal_name(order.kind, target, ()) is None:
            shown = target if len(target) <= 80 else f"{target[:80]}…"
            return Problem(400, "target-malformed", f"{shown!r} is not a {order.kind} that can be purged.")
    return None


def normal_name(kind: Kind, target: str, sites: Sequence[SitePolicy]) -> str | None:
    """A target as stored responses are named: URIs without scheme, hosts in lower case; None when malformed."""
    if kind is not Kind.TAG and _OTHER_SCHEME.match(target):
        return None
    match kind:
        case Kind.URL:
            return uri_of_url(target, sites)
        case Kind.PREFIX:
            return _prefix(target, sites)
        case Kind.HOST:
            uri = None if _NOT_A_HOST.search(target) else uri_of_url(target, ())
            return uri.removesuffix("/") if uri else None
        case Kind.TAG:
            return target if _TAG.fullmatch(target) else None
        case Kind.EVERYTHING:
            return ""
        case _:
            assert_never(kind)


def _prefix(target: str, sites: Sequence[SitePolicy]) -> str | None:
    """A prefix ends before its query where the policy changes queries: it then covers more, never less."""
    target = CUT_ESCAPE.sub("", target)
    path, mark, query = target.partition("?")
    uri = uri_of_url(path, sites)
    if uri is None or not mark:
        return uri
    as_stored = uri_of_url(target, sites)
    return as_stored if as_stored == f"{uri}?{one_spelling(query)}" else uri


def normalised(order: Order, sites: Sequence[SitePolicy]) -> Order:
    """The order with its targets as this node names stored responses; one it cannot name makes it everything.

    A target with dot segments is named without them as well: it covers both.
    """
    if order.kind is Kind.TAG and all(map(_TAG.fullmatch, order.targets)):
        return order  # most orders of a flood: nothing to name anew
    found = [names(order.kind, target, sites) for target in order.targets]
    if not all(found):
        return Order(Kind.EVERYTHING, (), order.soft)
    return Order(order.kind, tuple(name for several in found for name in several), order.soft)


def names(kind: Kind, target: str, sites: Sequence[SitePolicy]) -> tuple[str, ...]:
    """All names that stored responses may have which a target covers; none when it is malformed.

    One with dot segments goes by both its names. A port of 80 or 443 that its scheme, or the lack of one, does not make
    the default may be meant as either scheme's: with the port, and without.
    """
    found = [normal_name(kind, one, sites) for one in _meant(kind, target)]
    if None in found:
        return ()
    is_path = kind in (Kind.URL, Kind.PREFIX)
    return tuple(
        dict.fromkeys(
            name for one in found if one is not None for name in (names_of(one) if is_path else (one,))
        )
    )


def _meant(kind: Kind, target: str) -> tuple[str, ...]:
    """A target under each scheme that may be meant."""
    match = _EITHER_PORT.match(target) if kind in (Kind.URL, Kind.PREFIX, Kind.HOST) else None
    if match is None or (match["scheme"] or "").lower() + match["port"] in ("http80", "https443"):
        return (target,)
    rest = target[match.start("authority") :]
    if kind is not Kind.HOST:
        return f"http://{rest}", f"https://{rest}"
    return rest, rest.rpartition(":")[0]
