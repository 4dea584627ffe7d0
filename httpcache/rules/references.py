"""URI references in Location and Content-Location (RFC 3986 §5), as far as they stay on the origin of the request."""

from __future__ import annotations

import re

from httpcache.messages import RequestHead
from httpcache.rules.request_target import normal_authority
from httpcache.spelling import without_dots

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HTTP = re.compile(r"(https?)://([^/?#]*)([^#]*)", re.IGNORECASE)


def same_origin_url(reference: str, request: RequestHead) -> str | None:
    """A reference resolved against the target URI (RFC 3986 §5); None when its origin differs or it is no HTTP URL."""
    own, target = f"{request.scheme}://{request.authority}", request.target
    reference = reference.strip().partition("#")[0]
    if reference.startswith("//"):
        reference = own.partition("//")[0] + reference
    if _SCHEME.match(reference):
        match = _HTTP.fullmatch(reference)
        if match is None or match[1].lower() != request.scheme:
            return None
        if normal_authority(match[2], request.scheme) != request.authority:
            return None
        reference = match[3] if match[3].startswith("/") else f"/{match[3]}"
    if reference.startswith("/"):
        return own + without_dots(reference)
    path = target.partition("?")[0]
    if not reference:
        return own + target  # the same document, with its query (RFC 3986 §5.2.2)
    if reference.startswith("?"):
        return own + path + reference
    return own + without_dots(path.rpartition("/")[0] + "/" + reference)
