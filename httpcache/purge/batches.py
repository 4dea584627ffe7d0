"""Batches: several orders in one request, under one token; each gets its own number, all or none are in the log."""

from __future__ import annotations

import msgspec

from httpcache.purge.orders import Order, OrderDocument, parse_order
from httpcache.purge.problems import Problem


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of POST /v1/purges with several orders. `wait` is for all of them, in seconds."""

    orders: tuple[OrderDocument, ...]
    wait: float = 0.0


_DECODER = msgspec.json.Decoder(Batch)
_ENCODER = msgspec.json.Encoder()


def parse_orders(
    body: bytes, most_targets: int, most_orders: int
) -> tuple[tuple[Order, ...], float] | Problem:
    """The orders of a request and how long its sender waits for the receipt, or the 400 that says what is wrong."""
    if not _is_batch(body):
        parsed = parse_order(body, most_targets)
        return parsed if isinstance(parsed, Problem) else ((parsed[0],), parsed[1])
    try:
        batch = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Problem(400, "order-malformed", f"The body is not a batch of orders: {error}.")
    if not 0 < len(batch.orders) <= most_orders:
        return Problem(400, "batch-out-of-range", f"A batch has from 1 to {most_orders} orders.")
    orders: list[Order] = []
    for document in batch.orders:
        one = parse_order(_ENCODER.encode(msgspec.structs.replace(document, wait=batch.wait)), most_targets)
        if isinstance(one, Problem):
            return one
        orders.append(one[0])
    return tuple(orders), batch.wait


def _is_batch(body: bytes) -> bool:
    try:
        return "orders" in msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
