"""Tokens: JWTs that sign an order as an operator, or a question as a node. `alg` is the key's, never theirs."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import TypeVar

import jwt
import msgspec

from httpcache.purge.keys import PrivateKey, PublicKey
from httpcache.purge.problems import Problem
from httpcache.purge.rights import Rights

LONGEST_LIFE = 300.0
"""How far ahead `exp` may be, in seconds: so long a `jti` is remembered."""
CLOCK_SKEW = 30.0
"""How far in the future `iat` may be, in seconds."""
LIFE = 60.0
"""Life of the tokens made here, in seconds."""
LONGEST_TOKEN = 16384
"""Characters of a token."""
SHORTEST_JTI, LONGEST_JTI = 8, 200
"""Characters of a `jti`."""
NODE_AUDIENCE = "edgeward-node"

_JWS = jwt.PyJWS()


class OrderClaims(Rights, frozen=True, kw_only=True):
    """What an operator's token says. `sha256` is that of the body, in hex."""

    aud: str | tuple[str, ...]
    iss: str
    iat: float
    exp: float
    jti: str
    sha256: str
    nbf: float = 0.0


class NodeClaims(msgspec.Struct, frozen=True):
    """What a node's token says: its name, and at the feed the worker's index, how many there are, a nonce, its mark.

    `client` is the address for which it hands something on.
    """

    aud: str | tuple[str, ...]
    sub: str
    iat: float
    exp: float
    sha256: str
    worker: int = 0
    workers: int = 1
    nonce: str = ""
    client: str = ""
    after: str = ""
    nbf: float = 0.0


def body_hash(body: bytes) -> str:
    """The `sha256` claim for a body."""
    return hashlib.sha256(body).hexdigest()


def order_token(key: PrivateKey, body: bytes, audience: str, now: float, rights: Rights | None = None) -> str:
    """A token that signs a body as an operator; `now` is Unix seconds."""
    kept = {
        name: value for name, value in msgspec.to_builtins(rights or Rights()).items() if value is not None
    }
    claims = {"aud": audience, "iss": key.public.name, "jti": secrets.token_urlsafe(16), **kept}
    return signed(key, claims, body, now)


def node_token(
    key: PrivateKey,
    body: bytes,
    now: float,
    *,
    worker: int = 0,
    workers: int = 1,
    nonce: str = "",
    client: str = "",
    after: str = "",
) -> str:
    """A token that signs a body as a node and shows its key, so that it can be enrolled; `now` is Unix seconds."""
    claims = {
        "aud": NODE_AUDIENCE,
        "sub": key.public.name,
        "worker": worker,
        "workers": workers,
        "nonce": nonce,
        **({"client": client} if client else {}),
        "after": after,
    }
    return signed(key, claims, body, now, show_key=True)


def signed(
    key: PrivateKey, claims: dict[str, object], body: bytes, now: float, *, show_key: bool = False
) -> str:
    """A JWT with these claims, bound to a body and to the next minute."""
    headers: dict[str, object] = {"kid": key.public.kid, "typ": "JWT"}
    if show_key:
        headers["jwk"] = key.public.jwk
    payload = {"iat": int(now), "exp": int(now + LIFE), "sha256": body_hash(body), **claims}
    return _JWS.encode(msgspec.json.encode(payload), key.key, algorithm=key.public.alg, headers=headers)


def verify_order_token(
    token: str,
    body: bytes,
    audience: str,
    find: Callable[[str], PublicKey | None],
    now: float,
    slack: float = 0.0,
) -> tuple[OrderClaims, PublicKey] | Problem:
    """The claims of an operator's token for this body, and whose key it was, or a 401.

    `slack` is how many seconds, each way, its times may be wrong by beyond what is allowed to everybody.
    """
    opened = _open(token, find, OrderClaims)
    if isinstance(opened, Problem):
        return opened
    claims, key = opened
    if claims.iss not in (key.name, key.kid):
        return _refused("issuer-unknown", "`iss` is not whom the key belongs to.")
    if not SHORTEST_JTI <= len(claims.jti) <= LONGEST_JTI:
        return _refused("claim-malformed", f"`jti` has from {SHORTEST_JTI} to {LONGEST_JTI} characters.")
    return _check(claims, body, audience, now, slack) or (claims, key)


def verify_node_token(
    token: str, body: bytes, find: Callable[[str], PublicKey | None], now: float
) -> tuple[NodeClaims, PublicKey] | Problem:
    """The claims of a node's token for this body, and its key, or a 401."""
    opened = _open(token, find, NodeClaims)
    if isinstance(opened, Problem):
        return opened
    claims, key = opened
    return _check(claims, body, NODE_AUDIENCE, now) or (claims, key)


def shown_header(token: str) -> dict[str, object]:
    """The header of a token, unverified; empty when it has none."""
    try:
        return dict(jwt.get_unverified_header(token)) if len(token) <= LONGEST_TOKEN else {}
    except (jwt.PyJWTError, ValueError, RecursionError):
        return {}


Claims = TypeVar("Claims", OrderClaims, NodeClaims)


def _open(
    token: str, find: Callable[[str], PublicKey | None], shape: type[Claims]
) -> tuple[Claims, PublicKey] | Problem:
    """The claims once the signature holds; every error of the token is a Problem."""
    header = shown_header(token)
    if not header:
        return _refused("token-malformed", "The token is not a JWT.")
    if "crit" in header:
        return _refused("token-malformed", "The token asks for an extension of JWS: none is known here.")
    kid = header.get("kid")
    key = find(kid) if isinstance(kid, str) else None
    if key is None:
        return _refused("key-unknown", "No key of that `kid` is known here.")
    if header.get("alg") != key.alg:
        return _refused("algorithm-mismatch", f"That key signs with {key.alg}.")
    try:
        payload = _JWS.decode(token, key.key, algorithms=[key.alg])
        return msgspec.json.decode(payload, type=shape), key
    except jwt.InvalidSignatureError:
        return _refused("signature-wrong", "The signature does not hold.")
    except msgspec.ValidationError as error:
        return _refused("claim-malformed", f"A claim is missing or malformed: {error}.")
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return _refused("token-malformed", "The token is not a JWT.")


def _check(
    claims: OrderClaims | NodeClaims, body: bytes, audience: str, now: float, slack: float = 0.0
) -> Problem | None:
    audiences = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
    if audience not in audiences:
        return _refused("audience-wrong", "`aud` does not name this service.")
    if not secrets.compare_digest(claims.sha256.encode(), body_hash(body).encode()):
        return _refused("body-changed", "`sha256` is not that of the body.")
    if not claims.iat <= now + CLOCK_SKEW + slack:
        return _refused("issued-in-future", f"`iat` is more than {CLOCK_SKEW:g} seconds in the future.")
    if not claims.nbf <= now + CLOCK_SKEW + slack:
        return _refused("not-valid-yet", f"`nbf` is more than {CLOCK_SKEW:g} seconds in the future.")
    if not claims.exp > now - slack:
        return _refused("token-expired", "`exp` has passed.")
    if not claims.exp <= now + LONGEST_LIFE + slack:
        return _refused("life-too-long", f"`exp` is more than {LONGEST_LIFE:g} seconds ahead.")
    return None


def _refused(error: str, reason: str) -> Problem:
    return Problem(401, error, reason)
