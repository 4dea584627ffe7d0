"""Keys: made, read from PEM or JWK files, and named by the thumbprint of their public half (RFC 7638)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

PrivateHalf = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicHalf = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

SHORTEST_SECRET = 32
"""Least length of a shared secret, in bytes: that of the hash (RFC 7518 §3.2)."""

LONGEST_SHOWN = 100
"""Characters of what a key calls itself, in messages."""

_MEMBERS = {"OKP": ("crv", "kty", "x"), "EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_NAME_LINE = re.compile(r"^Name: (\S+)$", re.MULTILINE)


class KeyFault(Exception):
    """A key cannot be used; the message says which and why, in one line."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies. `alg` follows from the key's type, never from a token; `name` is its holder.

    `key` is bytes where it is a shared secret, which has no public half.
    """

    key: PublicHalf | bytes
    alg: str
    kid: str
    name: str

    @property
    def jwk(self) -> dict[str, Any]:
        """As a member of a JWK set (RFC 7517). Raises KeyFault for a shared secret."""
        if isinstance(self.key, bytes):
            raise KeyFault(f"key {self.kid}: a shared secret has no public half")
        return {**_bare_jwk(self.key), "kid": self.kid, "alg": self.alg, "use": "sig", "name": self.name}


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key that signs."""

    key: PrivateHalf | bytes
    public: PublicKey


def public_key(jwk: dict[str, Any], shared: Collection[str] = ()) -> PublicKey:
    """The key of a JWK: Ed25519 (EdDSA), P-256 (ES256), RSA from 2048 bits (RS256). Raises KeyFault.

    A shared secret (HS256) is one only where its kid is among `shared`.
    """
    shown = str(jwk.get("kid") or jwk.get("name") or jwk.get("kty"))[:LONGEST_SHOWN]
    kty = jwk.get("kty")
    if kty == "oct":
        if jwk.get("kid") not in tuple(shared):
            raise KeyFault(f"key {shown}: is a shared secret: only one named in purge.shared_keys is used")
        return _shared_secret(jwk)
    if not isinstance(kty, str) or kty not in _MEMBERS:
        raise KeyFault(f"key {shown}: its type is not OKP, EC or RSA")
    try:
        bare = {member: jwk[member] for member in _MEMBERS[kty]}
        key = jwt.PyJWK.from_dict(bare, algorithm=_algorithm(bare)).key
        made = named(key, "")
    except KeyFault:
        raise
    except Exception as error:  # whatever a library makes of members of odd types and sizes
        what = f"lacks {error}" if isinstance(error, KeyError) else "its members do not make a key"
        raise KeyFault(f"key {shown}: is not a public key: {what}") from error
    kid, name = jwk.get("kid", made.kid), jwk.get("name", made.kid)
    if not isinstance(kid, str) or not isinstance(name, str):
        raise KeyFault(f"key {shown}: kid and name are text")
    if jwk.get("alg", made.alg) != made.alg:
        raise KeyFault(f"key {shown}: a key of this type signs with {made.alg}, not {jwk['alg']}")
    return PublicKey(made.key, made.alg, kid, name)


def _shared_secret(jwk: dict[str, Any]) -> PublicKey:
    kid, name = jwk.get("kid"), jwk.get("name", jwk.get("kid"))
    if not isinstance(kid, str) or not isinstance(name, str) or jwk.get("alg", "HS256") != "HS256":
        raise KeyFault("a shared secret has a kid, and signs with HS256")
    try:
        secret = jwt.PyJWK.from_dict({"kty": "oct", "k": jwk["k"]}, algorithm="HS256").key
    except (KeyError, TypeError, ValueError, jwt.PyJWTError) as error:
        raise KeyFault(f"key {kid}: is not a shared secret: it has no k in base64url") from error
    if not isinstance(secret, bytes) or len(secret) < SHORTEST_SECRET:
        raise KeyFault(f"key {kid}: a shared secret has at least {SHORTEST_SECRET} bytes")
    return PublicKey(secret, "HS256", kid, name)


def named(key: object, name: str) -> PublicKey:
    """A public key with algorithm and thumbprint, which is its name where none is given. Raises KeyFault."""
    match key:
        case ed25519.Ed25519PublicKey():
            alg = "EdDSA"
        case ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            alg = "ES256"
        case rsa.RSAPublicKey(key_size=size) if size >= 2048:
            alg = "RS256"
        case _:
            raise KeyFault("only Ed25519, P-256 and RSA keys from 2048 bits are used")
    kid = thumbprint(_bare_jwk(key))
    return PublicKey(key, alg, kid, name or kid)


def thumbprint(jwk: dict[str, Any]) -> str:
    """The thumbprint of a JWK (RFC 7638)."""
    members = {member: jwk[member] for member in _MEMBERS[jwk["kty"]]}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def load_private_key(path: Path) -> PrivateKey:
    """A private key from PEM or JWK; its file must be its owner's alone. Raises KeyFault or OSError."""
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode & 0o777
        text = file.read(65536)
    if mode & 0o077:
        raise KeyFault(f"{path} is open to others (mode {mode:04o}): chmod 600 it")
    try:
        if text.lstrip().startswith(b"{") and (jwk := json.loads(text)).get("kty") == "oct":
            secret = _shared_secret(jwk)
            return PrivateKey(secret.key, secret)  # type: ignore[arg-type]
        key, name = _private_jwk(text) if text.lstrip().startswith(b"{") else _private_pem(text)
        if not isinstance(key, PrivateHalf):
            raise KeyFault(f"{path}: only Ed25519, P-256 and RSA keys are used")
        return PrivateKey(key, named(key.public_key(), name))
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm, jwt.PyJWTError) as error:
        raise KeyFault(f"{path}: {_no_private_key(text)}") from error


def _no_private_key(text: bytes) -> str:
    """What a file is that is no private key, as far as it can be told."""
    if b"ENCRYPTED" in text:
        return "is encrypted: only keys without a passphrase are used"
    if b"-----BEGIN PUBLIC KEY" in text:
        return "is a public key: its private half signs"
    try:
        jwk = json.loads(text)
    except ValueError:
        return "is not a private key in PEM or JWK"
    if isinstance(jwk, dict) and "keys" in jwk:
        return "is a set of public keys (JWK set): a private key signs, as operator.key"
    if isinstance(jwk, dict) and "kty" in jwk and "d" not in jwk:
        return "is a public key: its private half signs"
    return "is not a private key: a JWK has kty OKP, EC or RSA and the members of its private half"


def new_operator(folder: Path, name: str = "operator") -> tuple[Path, Path]:
    """Make operator.key and operators.jwks; their paths. Raises KeyFault when they are there, or OSError."""
    if not _NAME.fullmatch(name):
        raise KeyFault(f"{name!r} is not a name: write letters, digits and . _ @ -")
    private, public = folder / "operator.key", folder / "operators.jwks"
    for path in (private, public):
        if path.exists():
            raise KeyFault(f"{path} exists already")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = new_private_key(private, name)
    write_new(public, jwk_set([key.public]))
    return private, public


def new_private_key(path: Path, name: str) -> PrivateKey:
    """Make an Ed25519 key and write it (0600); its holder is named before the PEM (RFC 7468 §2 allows text there)."""
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_new(path, f"Name: {name}\n".encode() + pem)
    return PrivateKey(key, named(key.public_key(), name))


def node_key(folder: Path, name: str) -> PrivateKey:
    """The node's own key, `keys/node.key` in its data folder, made at first start. Raises KeyFault or OSError."""
    path = folder / "keys" / "node.key"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        try:
            return new_private_key(path, name)
        except FileExistsError:
            pass  # another process of the node was faster
    held = load_private_key(path)
    return PrivateKey(held.key, named(held.public.key, name))


def write_new(path: Path, text: bytes) -> None:
    """Write a whole file (0600) that must not be there yet. Raises FileExistsError when it is."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    finally:
        draft.unlink()


def jwk_set(keys: list[PublicKey]) -> bytes:
    """A JWK set file (RFC 7517 §5)."""
    return json.dumps({"keys": [key.jwk for key in keys]}, indent=2).encode() + b"\n"


def _private_pem(text: bytes) -> tuple[object, str]:
    name = _NAME_LINE.search(text.partition(b"-----BEGIN")[0].decode("utf-8", "replace"))
    return load_pem_private_key(text, password=None), name[1] if name else ""


def _private_jwk(text: bytes) -> tuple[object, str]:
    jwk = json.loads(text)
    return jwt.PyJWK.from_dict(jwk, algorithm=_algorithm(jwk)).key, str(jwk.get("name", ""))


def _algorithm(jwk: dict[str, Any]) -> str:
    return {"OKP": "EdDSA", "EC": "ES256", "RSA": "RS256"}[jwk["kty"]]


def _bare_jwk(key: PublicHalf) -> dict[str, Any]:
    match key:
        case ed25519.Ed25519PublicKey():
            made: dict[str, Any] = jwt.algorithms.OKPAlgorithm.to_jwk(key, as_dict=True)
        case ec.EllipticCurvePublicKey():
            made = jwt.algorithms.ECAlgorithm.to_jwk(key, as_dict=True)
        case _:
            made = jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True)
    return {member: made[member] for member in _MEMBERS[made["kty"]]}
