"""Proxy-Status (RFC 9209): which error of the next hop made an answer."""

from __future__ import annotations

import http_sf

NAME = "Proxy-Status"


def render(node: str, error: str, detail: str = "") -> str:
    """This tier's member: `error` is a token of RFC 9209 §2.3, `detail` a few words for operators."""
    parameters: dict[str, http_sf.Token | str] = {"error": http_sf.Token(error)}
    if detail:
        parameters["details"] = detail
    return http_sf.ser([(http_sf.Token(node), parameters)])  # type: ignore[list-item]
