"""Lines of the feed: a run of orders or a heartbeat, each signed by the keeper's key (JWS, RFC 7515 and 7797).

A line is a compact JWS with its payload detached, a space, and the payload as it is: long ones are read quickly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import jwt
import msgspec

from httpcache.purge.keys import KeyFault, PrivateKey, PublicKey, named, public_key
from httpcache.purge.matches import Question
from httpcache.purge.orders import Order

_JWS = jwt.PyJWS()
_TYPE = "edgeward-feed"


class FeedLine(msgspec.Struct, frozen=True):
    """One line. `nonce` is the follower's own, `seq` counts from 0: nothing can be replayed, dropped or reordered.

    `orders` go on behind number `after`: one by one, or under `numbers` of their own where those have gaps.
    `heartbeat` is the longest silence to expect, in seconds.
    `behind` is how long ago the keeper itself knew to be at the log's end, in seconds: 0 where the log is its own.
    `is_reset` says that the log has nothing to join on to what the follower has: it starts anew at `newest`.
    """

    seq: int
    nonce: str
    epoch: int
    start: int
    newest: int
    heartbeat: float
    after: int = 0
    orders: tuple[Order, ...] = ()
    numbers: tuple[int, ...] = ()
    is_reset: bool = False
    question: Question | None = None
    behind: float = 0.0

    def numbered(self) -> Iterable[tuple[int, Order]]:
        """Its orders with their numbers. Raises ValueError when there are not as many numbers as orders."""
        return zip(
            self.numbers or range(self.after + 1, self.after + 1 + len(self.orders)), self.orders, strict=True
        )


class LineFault(Exception):
    """A line that cannot be believed; the message says why."""


_DECODER = msgspec.json.Decoder(FeedLine)


def seal(line: FeedLine, key: PrivateKey) -> bytes:
    """The signed line. The first of a connection shows the keeper's key."""
    headers: dict[str, object] = {"typ": _TYPE, "kid": key.public.kid, "b64": False, "crit": ["b64"]}
    if line.seq == 0:
        headers["jwk"] = key.public.jwk
    payload = msgspec.json.encode(line)
    proof = _JWS.encode(payload, key.key, algorithm=key.public.alg, headers=headers, is_payload_detached=True)
    return b"%b %b\n" % (proof.encode(), payload)


def shown_key(text: bytes) -> PublicKey:
    """The key that a line shows, under its own thumbprint; unverified. Raises LineFault."""
    try:
        jwk = jwt.get_unverified_header(text.partition(b" ")[0])["jwk"]
        shown = public_key(jwk)
        return named(shown.key, shown.name)
    except (jwt.PyJWTError, KeyFault, KeyError, ValueError, TypeError, AttributeError) as error:
        raise LineFault(f"the log's keeper shows no key: {error}") from error


def open_line(text: bytes, key: PublicKey, nonce: str, seq: int) -> FeedLine:
    """The line, when it is signed with that key and is the next of this connection. Raises LineFault."""
    proof, _, payload = text.partition(b" ")
    try:
        opened = _JWS.decode_complete(proof, key.key, algorithms=[key.alg], detached_payload=payload)
        if opened["header"].get("typ") != _TYPE:
            raise LineFault("is not a line of the feed")
        line = _DECODER.decode(opened["payload"])
    except jwt.InvalidSignatureError as error:
        raise LineFault("the signature does not hold") from error
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise LineFault(f"is not a line of the feed: {error}") from error
    if line.nonce != nonce or line.seq != seq:
        raise LineFault("is not the next line of this connection")
    if line.numbers and not _rises((line.after, *line.numbers), len(line.orders) + 1):
        raise LineFault("has orders whose numbers do not rise")
    return line


def _rises(numbers: Sequence[int], count: int) -> bool:
    return len(numbers) == count and all(one < next_one for one, next_one in pairwise(numbers))
