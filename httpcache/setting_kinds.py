"""Kinds of settings: sizes, seconds, addresses, networks, URLs; read from text, refused in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from httpcache.spelling import has_dots

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)?", re.ASCII)
_HOST = re.compile(r"(\*\.)?(\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(:[0-9]{1,5})?")
_NOT_IN_PATHS = re.compile(r"[\x00-\x20\x7f#?]")
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_UNITS |= {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_size(text: object) -> object:
    """Bytes from "12MiB", "1.5GB" or a whole number; other types pass through for the type check to refuse."""
    if not isinstance(text, str):
        return text
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("is not a size: write a number and B, KiB, MiB, GiB or TiB, as in 12MiB")
    return int(float(match[1]) * _UNITS[match[2] or "B"])


def split_address(address: str) -> tuple[str, int]:
    """Host and port of "127.0.0.1:8080" or "[::1]:8080". Raises ValueError when it is neither."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("is not an address: write HOST:PORT, as in 127.0.0.1:8080 or [::1]:8080")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _check_address(address: object) -> object:
    if isinstance(address, str):
        split_address(address)
    return address


def _check_admin(address: object) -> object:
    return _check_address(address) if address else address


def _check_url(url: object) -> object:
    if not isinstance(url, str):
        return url
    match = re.fullmatch(r"https?://([^/?#@\s]+)/?", url)
    if match is None:
        raise ValueError("is not the URL of a server: write http://HOST[:PORT] or https://HOST[:PORT]")
    return url.removesuffix("/")


def _check_network(network: object) -> object:
    if isinstance(network, str):
        try:
            ip_network(network, strict=False)
        except ValueError:
            raise ValueError("is not an address or network: write 10.0.0.5 or 10.0.0.0/8") from None
    return network


def _check_bus(urls: object) -> object:
    if isinstance(urls, str) and not all(
        re.fullmatch(r"(nats|tls)://[^,\s]+", url) for url in urls.split(",") if urls
    ):
        raise ValueError("is not the URL of a NATS server: write nats://HOST:PORT or tls://HOST:PORT")
    return urls


def _check_host(host: object) -> object:
    if not isinstance(host, str) or host == "*":
        return host
    host = host.lower().removesuffix(".")  # as that of a request is compared
    if _HOST.fullmatch(host) is None:
        raise ValueError(
            'is not a host: write www.example.com, "*.example.com" for all below it, or "*" for any; '
            "with a port only where requests name one, and xn--… for what is beyond ASCII"
        )
    return host


def _check_prefix(prefix: object) -> object:
    if not isinstance(prefix, str):
        return prefix
    if not prefix.startswith("/") or _NOT_IN_PATHS.search(prefix):
        raise ValueError("is not the beginning of a path: write /static/, without host, query, # or spaces")
    if has_dots(f"{prefix}x"):  # the x: what begins with /. may go on as /.well-known
        raise ValueError("has dot segments, which no path is compared with: write where they lead to")
    return prefix


Size = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Address = Annotated[str, BeforeValidator(_check_address)]
BusUrls = Annotated[str, BeforeValidator(_check_bus)]
Host = Annotated[str, BeforeValidator(_check_host)]
Prefix = Annotated[str, BeforeValidator(_check_prefix)]
Network = Annotated[str, BeforeValidator(_check_network)]
AdminAddress = Annotated[str, BeforeValidator(_check_admin)]
ServerUrl = Annotated[str, BeforeValidator(_check_url)]


Path = tuple[str | int, ...]
"""Where a setting is: names of tables and keys, and indices within lists of tables."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Settings, each good by itself, that do not go together: the one to name, the others, and what is wrong."""

    path: Path
    others: tuple[Path, ...]
    message: str

    def within(self, *parts: str | int) -> Conflict:
        """The same, as seen from the table around."""
        return Conflict((*parts, *self.path), tuple((*parts, *other) for other in self.others), self.message)


class Group(BaseModel):
    """Settings that belong together: none can be changed, none is unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def conflicts(self) -> Iterator[Conflict]:
        """What does not go together in this group."""
        return iter(())

    def in_order(self, less: str, more: str, table: str = "") -> Iterator[Conflict]:
        """A conflict where `less` is more than `more`; the one that was given is named, not one left alone."""
        low, high = getattr(self, less), getattr(self, more)
        if low is None or high is None or low <= high:
            return
        if less in self.model_fields_set:
            yield Conflict((less,), ((more,),), f"must not be more than `{table}{more}`, which is {high}")
        else:
            yield Conflict((more,), ((less,),), f"must not be less than `{table}{less}`, which is {low}")
