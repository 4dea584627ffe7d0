"""Which servers a request may go to, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import xxhash


class Route(Protocol):
    """Names the servers to ask for a request, best first."""

    def servers(self, host: str, key: str) -> Sequence[str]:
        """Base URLs ("http://host:port") for a request to `host` with cache key `key`; empty when there is none."""
        ...


class ToOrigins:
    """By host, else to the default origin. `*.example.com` names every host below it."""

    def __init__(self, default: str | None, by_host: Mapping[str, str]) -> None:
        self._default = default
        self._by_host = {host.lower(): url for host, url in by_host.items()}

    def servers(self, host: str, key: str) -> Sequence[str]:
        """See Route."""
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        url = self._by_host.get(host) or self._by_host.get(name) or self._below(name) or self._default
        return (url,) if url else ()

    def _below(self, name: str) -> str | None:
        while "." in name:
            name = name.split(".", 1)[1]
            if url := self._by_host.get(f"*.{name}"):
                return url
        return None


class ToShields:
    """By rendezvous hashing of the cache key: each key has its own order of shields, whichever of them are up."""

    def __init__(self, shields: Sequence[str]) -> None:
        self._shields = tuple(shields)

    def servers(self, host: str, key: str) -> Sequence[str]:
        """See Route."""
        if len(self._shields) == 1:
            return self._shields
        return sorted(
            self._shields,
            key=lambda url: xxhash.xxh3_64_intdigest(f"{url}\n{key}".encode("utf-8", "surrogateescape")),
            reverse=True,
        )
