"""The target URI of a request from its request line and Host field (RFC 9112 §3, RFC 9110 §7.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from httpcache.rules.decisions import Refusal

_AUTHORITY = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::(?P<port>[0-9]{0,5}))?"
)
_ABSOLUTE = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<target>[^#]*)", re.IGNORECASE | re.ASCII
)
_OWN_PORT = {"http": "80", "https": "443"}
_VISIBLE = re.compile(r"[^\x00-\x20\x7f#\ud800-\udfff]+")
"""Characters of a target; octets that are no UTF-8, which come as surrogates, are none (RFC 9112 §3.2)."""


@dataclass(frozen=True, slots=True)
class Target:
    """Scheme, authority and origin form of a request."""

    scheme: str
    authority: str
    target: str


def normal_authority(text: str, scheme: str) -> str | None:
    """Lower-case host, with a port only where it is not the scheme's own (RFC 9110 §4.2.3); None when it is none."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    port = match["port"]
    if port and int(port) > 65535:
        return None
    host = match["host"].lower().removesuffix(".")
    if not host:
        return None
    return host if not port or port == _OWN_PORT.get(scheme) else f"{host}:{int(port)}"


def read_target(
    method: str, request_target: str, hosts: Sequence[str], scheme: str, *, is_http_11: bool
) -> Target | Refusal:
    """The target of a request, or why it is refused: 400 (RFC 9112 §3.2), 501 for CONNECT."""
    if method == "CONNECT":
        return Refusal(501, "connect-not-served")
    if len(hosts) > 1 or (not hosts and is_http_11):
        return Refusal(400, "host-field")
    authority, target = hosts[0].strip() if hosts else "", request_target
    absolute = _ABSOLUTE.fullmatch(request_target)
    if absolute is not None:
        # RFC 9112 §3.2.2: the authority of an absolute form replaces the Host field.
        scheme, authority, target = absolute["scheme"].lower(), absolute["authority"], absolute["target"]
        target = target if target.startswith("/") else f"/{target}"
    if target == "*":
        if method != "OPTIONS":
            return Refusal(400, "target-form")
    elif not target.startswith("/") or _VISIBLE.fullmatch(target) is None:
        return Refusal(400, "target-form")
    if not authority and not is_http_11:
        return Refusal(400, "host-field")
    normal = normal_authority(authority, scheme)
    return Refusal(400, "host-field") if normal is None else Target(scheme, normal, target)
