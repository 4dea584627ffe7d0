"""Retiring a node that has left for good: what an operator says, and whether their token may say it."""

from __future__ import annotations

import msgspec

from httpcache.purge.problems import Problem
from httpcache.purge.tokens import OrderClaims


class Retirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of POST /v1/nodes/retire. With `force` also a node that follows the log; its feeds end."""

    node: str
    force: bool = False


def read_retirement(body: bytes, claims: OrderClaims) -> Retirement | Problem:
    """Whom an operator retires, or the 400 or 403 that says what is wrong."""
    if claims.is_narrowed:
        return Problem(403, "right-missing", "The token does not carry the right 'nodes': it is narrowed.")
    try:
        return msgspec.json.decode(body, type=Retirement)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Problem(400, "retirement-malformed", f"The body names no node: {error}.")
