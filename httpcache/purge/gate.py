"""The gate: who may order, and which nodes may follow. Signatures and files are looked at in threads."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import TypeVar

from httpcache.purge.key_files import KeyFile, NodeKeys
from httpcache.purge.keys import KeyFault, PublicKey, named, public_key
from httpcache.purge.problems import Problem
from httpcache.purge.tokens import (
    NodeClaims,
    OrderClaims,
    shown_header,
    verify_node_token,
    verify_order_token,
)
from httpcache.purge_settings import PurgeSettings

Told = TypeVar("Told")
"""What a good token says."""

log = logging.getLogger("edgeward.purge")


class Gate:
    """Knows the operators' keys and the nodes'. `own` is this node's key; `now` gives Unix seconds."""

    def __init__(
        self, settings: PurgeSettings, folder: Path, own: PublicKey, now: Callable[[], float]
    ) -> None:
        operators = Path(settings.keys) if settings.keys else folder / "keys" / "operators.jwks"
        self.operators = KeyFile(operators, settings.shared_keys)
        self.enrolled = NodeKeys(folder / "keys" / "nodes.jwks")
        self._listed = NodeKeys(Path(settings.nodes)) if settings.nodes else None
        self._enrols = settings.enrol == "loopback"
        self._audience = settings.audience
        self._own = own
        self._now = now
        self._enrolling = threading.Lock()  # between two looks at the nodes' file

    async def operator(self, token: str, body: bytes) -> tuple[OrderClaims, PublicKey] | Problem:
        """The claims of an operator's token for this body, and whose key it was, or a 401."""
        return await _looked_at(
            verify_order_token, token, body, self._audience, self.operators.by_kid, self._now()
        )

    async def node(
        self, token: str, body: bytes, address: str | None, at: float | None = None
    ) -> NodeClaims | Problem:
        """The claims of a node's token for this body, or a 401 or 403. `address` is where it connects from.

        `at` is when it was shown, in Unix seconds, where that is not now.
        """
        return await _looked_at(self._node, token, body, address, self._now() if at is None else at)

    async def anyone(self, token: str, address: str | None) -> OrderClaims | Problem | None:
        """What an operator's token says who asks (without a body); None when a node does."""
        if is_node_token(token):
            node = await self.node(token, b"", address)
            return node if isinstance(node, Problem) else None
        operator = await self.operator(token, b"")
        return operator if isinstance(operator, Problem) else operator[0]

    def forget(self, name: str) -> None:
        """A node is retired: its name is free. Blocks. Raises OSError."""
        with self._enrolling:
            self.enrolled.forget(name)

    def _node(self, token: str, body: bytes, address: str | None, at: float) -> NodeClaims | Problem:
        shown = _shown_key(token)
        if shown is None:
            return Problem(401, "key-unknown", "The node's token does not show the node's key.")
        opened = verify_node_token(token, body, lambda _: shown, at)
        if isinstance(opened, Problem):
            return opened
        claims, _ = opened
        with self._enrolling:
            return self._known(claims.sub, shown, address) or claims

    def _known(self, name: str, shown: PublicKey, address: str | None) -> Problem | None:
        """None when that key is the node's: it is on file, or is now."""
        held = self._key_of(name)
        if held is not None:
            if held.kid == shown.kid:
                return None
            return Problem(403, "node-key-differs", f"{name} is known here with another key.")
        if not (self._enrols and _is_loopback(address)):
            return Problem(403, "node-unknown", f"{name} is not in the nodes' file.")
        if not 0 < len(name) <= 64:
            return Problem(403, "node-unknown", "A node's name has from 1 to 64 characters.")
        try:
            self.enrolled.enrol(named(shown.key, name))
        except OSError as error:
            log.error("cannot enrol %s: %s", name, error)
            return Problem(403, "node-unknown", f"{name} could not be enrolled.")
        log.info("%s is enrolled with key %s", name, shown.kid)
        return None

    def _key_of(self, name: str) -> PublicKey | None:
        if name == self._own.name:
            return self._own
        listed = self._listed.by_name(name) if self._listed else None
        if listed is not None:
            return named(listed.key, name)
        return self.enrolled.by_name(name)


async def _looked_at(look: Callable[..., Told | Problem], *arguments: object) -> Told | Problem:
    """What a look at a token says, in a thread; one that it cannot be looked at is a 401 like any other."""
    try:
        return await asyncio.to_thread(look, *arguments)
    except Exception as error:
        log.error("a token could not be looked at: %r", error)
        return Problem(401, "token-malformed", "The token is not a JWT.")


def _shown_key(token: str) -> PublicKey | None:
    """The key that a token shows, under its own thumbprint: what it calls itself does not count."""
    jwk = shown_header(token).get("jwk")
    try:
        return named(public_key(jwk).key, "") if isinstance(jwk, dict) else None
    except KeyFault:
        return None


def is_node_token(token: str) -> bool:
    """Whether a token says that it is a node's: it shows a key."""
    return "jwk" in shown_header(token)


def _is_loopback(address: str | None) -> bool:
    try:
        found = ip_address(address or "")
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback
