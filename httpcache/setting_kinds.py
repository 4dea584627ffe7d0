"""Kinds of settings: sizes, seconds, addresses, networks, URLs; read from text, refused in plain words."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)?", re.ASCII)
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


Size = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Address = Annotated[str, BeforeValidator(_check_address)]
BusUrls = Annotated[str, BeforeValidator(_check_bus)]
Network = Annotated[str, BeforeValidator(_check_network)]
AdminAddress = Annotated[str, BeforeValidator(_check_admin)]
ServerUrl = Annotated[str, BeforeValidator(_check_url)]


class Group(BaseModel):
    """Settings that belong together: none can be changed, none is unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
