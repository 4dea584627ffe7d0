"""Messages of a bus as orders of the log: how they are numbered, and whether their own token proves them."""

from __future__ import annotations

import logging
import sys

from httpcache.purge.batches import is_dry, parse_orders
from httpcache.purge.bus import SLACK, Message
from httpcache.purge.gate import Gate
from httpcache.purge.log import Logged, Received, Token
from httpcache.purge.orders import Kind, Order
from httpcache.purge.problems import Problem
from httpcache.purge.tokens import shown_header, verify_order_token

log = logging.getLogger("edgeward.purge")

MOST_ORDERS = 1000
"""Orders in one message, and numbers that each message takes.

All nodes must give an order the same number, also those that come when the stream's first messages have gone. So
numbers follow from the message's alone: those of message 3 end with 3000.
"""

UNSURE = ("key-unknown", "algorithm-mismatch", "signature-wrong", "issuer-unknown", "audience-wrong")
"""Faults of a token that may be none to another node, with other keys or settings."""

UNBELIEVED = "?"
"""Whose what stands in for a message is."""

NOTHING = Order(Kind.TAG, ())
"""What stands in the log for a message that is no order: it names nothing, but has its number."""

ANYTHING = Order(Kind.EVERYTHING, (), soft=True)
"""What stands for an order that may be one to other nodes, by a key that is not known here, or not any more, or by
settings of theirs: whatever it named is validated."""


def end_of(message: int) -> int:
    """The number of the last order of a message."""
    return message * MOST_ORDERS


def message_of(n: int) -> int:
    """The newest message all of whose orders have numbers up to `n`."""
    return n // MOST_ORDERS


def numbered(message: int, orders: tuple[Order, ...], who: str, at: float) -> tuple[Logged, ...]:
    """The orders of a message with their numbers; `at` is Unix seconds."""
    first = end_of(message) - len(orders) + 1
    return tuple(Logged(n, one, who, at) for n, one in enumerate(orders, first))


def opened(message: Message, gate: Gate, audience: str) -> Received:
    """The orders of a message: its token proves them, as of when the server took it. Blocks.

    A limit of this node does not count: the one that published has kept its own, and an order holds on all nodes. That
    a token is good once is for the log: the server goes by what the one that publishes says of it.
    """
    find = gate.operators.by_kid
    signer = verify_order_token(message.token, message.body, audience, find, message.at, SLACK)
    if isinstance(signer, Problem):
        return Received(_stand_in(message, signer, is_unsure=signer.error in UNSURE))
    claims, key = signer
    parsed = parse_orders(message.body, sys.maxsize, MOST_ORDERS)
    if isinstance(parsed, Problem):
        return Received(_stand_in(message, parsed, is_unsure=not is_dry(message.body)))
    lacking = next(filter(None, map(claims.missing_for, parsed[0])), None)
    if lacking:
        return Received(_stand_in(message, lacking))
    orders = numbered(message.n, parsed[0], key.name, message.at)
    instead = numbered(message.n, (NOTHING,), UNBELIEVED, message.at)
    return Received(orders, Token(key.name, claims.jti, claims.exp), instead)


def _stand_in(message: Message, problem: Problem, *, is_unsure: bool = False) -> tuple[Logged, ...]:
    log.error(
        "message %d of the purge bus is not an order that can be believed: %s", message.n, problem.error
    )
    order = ANYTHING if is_unsure and shown_header(message.token) else NOTHING
    return numbered(message.n, (order,), UNBELIEVED, message.at)
