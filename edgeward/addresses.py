"""Addresses and URLs on a command line."""

from __future__ import annotations

import contextlib
import random
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import click

from httpcache.setting_kinds import split_address
from httpcache.settings import admin_port


class AddressParam(click.ParamType[tuple[str, int]]):
    """HOST:PORT, as (host, port)."""

    name = "HOST:PORT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Host and port; a usage error when it is neither."""
        if isinstance(value, tuple):
            return value
        try:
            return split_address(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


@dataclass(frozen=True, slots=True)
class Server:
    """Where an http or https URL points: scheme, host, port, and the authority as a Host field names it."""

    scheme: str
    host: str
    port: int
    authority: str

    @property
    def url(self) -> str:
        """The URL of the server, without a path."""
        return f"{self.scheme}://{self.authority}"


def parse_server(url: str) -> Server:
    """The server of a URL. Raises ValueError when it is not an http or https URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("is not a URL: write http://HOST[:PORT] or https://HOST[:PORT]")
    default = 443 if parts.scheme == "https" else 80
    port = parts.port or default
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = host if port == default else f"{host}:{port}"
    return Server(parts.scheme, parts.hostname, port, authority)


class ServerParam(click.ParamType[Server]):
    """http://HOST:PORT, as a Server."""

    name = "URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Server:
        """The server; a usage error when it is not a URL."""
        if isinstance(value, Server):
            return value
        try:
            return parse_server(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


def free_ports(count: int) -> list[int]:
    """Loopback ports that nothing listens on, each with its admin port free too. They may be taken meanwhile.

    Below the range that systems draw ports for outgoing connections from, so that none of those takes one.
    """
    ports: list[int] = []
    draw = random.SystemRandom()
    with contextlib.ExitStack() as held:
        while len(ports) < count:
            port = draw.randrange(10_000, 31_000)
            with contextlib.suppress(OSError):
                _hold(held, port)
                _hold(held, admin_port(port))
                ports.append(port)
    return ports


def _hold(held: contextlib.ExitStack, port: int) -> None:
    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
