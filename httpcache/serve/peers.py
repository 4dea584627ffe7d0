"""Who may say for whom a request comes: what is believed of X-Forwarded-For and X-Forwarded-Proto."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


class Peers:
    """The peers that are trusted. With `trusts_all` every peer is a tier of ours, which tells clients by itself."""

    def __init__(self, networks: Iterable[str], *, trusts_all: bool) -> None:
        self._trusts_all = trusts_all
        self._trusted = [ipaddress.ip_network(network, strict=False) for network in networks]

    @property
    def trusts_some(self) -> bool:
        """Whether some peers are trusted and others are not."""
        return bool(self._trusted) and not self._trusts_all

    def is_trusted(self, peer: str | None) -> bool:
        """Whether what a peer says of its client is believed."""
        if self._trusts_all:
            return True
        if not self._trusted or not peer:
            return False
        address = ipaddress.ip_address(peer.partition("%")[0])
        return any(address in network for network in self._trusted)

    def client(self, peer: str, forwarded_for: str | None) -> str:
        """The client's address: the peer's, or what a trusted proxy's last X-Forwarded-For says that it was."""
        if self._trusts_all or forwarded_for is None or not self.is_trusted(peer):
            return peer
        nearest = forwarded_for.rpartition(",")[2].strip()
        try:
            return str(ipaddress.ip_address(nearest))
        except ValueError:
            return peer

    def scheme(self, peer: str | None, forwarded_proto: str) -> str:
        """The scheme of a request: http, unless a trusted peer says (X-Forwarded-Proto) that it was https."""
        return "https" if forwarded_proto.lower() == "https" and self.is_trusted(peer) else "http"
