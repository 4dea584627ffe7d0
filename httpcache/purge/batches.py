"""Batches: several orders in one request, under one token; each gets its own number, all or none are in the log."""

from __future__ import annotations

import msgspec

from httpcache.purge.orders import Order, OrderDocument, checked, parse_order
from httpcache.purge.problems import Problem


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of POST /v1/purges with several orders. `wait` (in seconds) and `dry` are for all of them."""

    orders: tuple[OrderDocument, ...]
    wait: float = 0.0
    dry: bool = False


class _Dry(msgspec.Struct, frozen=True):
    dry: bool = False


_DECODER = msgspec.json.Decoder(Batch)


def parse_orders(
    body: bytes, most_targets: int, most_orders: int, *, dry: bool = False
) -> tuple[tuple[Order, ...], float] | Problem:
    """The orders of a request and how long its sender waits for the receipt, or the 400 that says what is wrong.

    A dry order is one only where `dry` says that it will not be applied.
    """
    if is_dry(body) is not dry:
        return Problem(400, "order-dry", "A dry order is for counting, and is never applied.")
    if not _is_batch(body):
        parsed = parse_order(body, most_targets)
        return parsed if isinstance(parsed, Problem) else ((parsed[0],), parsed[1])
    try:
        batch = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Problem(400, "order-malformed", f"The body is not a batch of orders: {error}.")
    if not 0 < len(batch.orders) <= most_orders:
        return Problem(400, "batch-out-of-range", f"A batch has from 1 to {most_orders} orders.")
    if any(document.dry for document in batch.orders):
        return Problem(400, "order-malformed", "The body is not a batch of orders: `dry` is for all of them.")
    orders: list[Order] = []
    for document in batch.orders:
        one = checked(document, most_targets, batch.wait)
        if isinstance(one, Problem):
            return one
        orders.append(one)
    return tuple(orders), batch.wait


def is_dry(body: bytes) -> bool:
    """Whether an order, or a batch, is only to be counted."""
    try:
        return msgspec.json.decode(body, type=_Dry).dry
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def _is_batch(body: bytes) -> bool:
    try:
        return "orders" in msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
