"""What an unsafe request makes invalid (RFC 9111 §4.4, RFC 9875 §3)."""

from __future__ import annotations

from collections.abc import Sequence

from httpcache.messages import RequestHead, ResponseHead
from httpcache.rules.cache_key import uri_of_url
from httpcache.rules.references import same_origin_url
from httpcache.rules.storing import strings_of
from httpcache.settings import SitePolicy
from httpcache.spelling import names_of

SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"))
"""Methods known to be safe (RFC 9110 §9.2.1 and the IANA registry); any other may change something."""


def is_invalidating(request: RequestHead, response: ResponseHead) -> bool:
    """Whether the response tells that an unsafe request had an effect: any status of 2xx or 3xx."""
    return request.method not in SAFE and 200 <= response.status < 400


def invalidated_uris(
    request: RequestHead, response: ResponseHead, sites: Sequence[SitePolicy]
) -> tuple[str, ...]:
    """The `uri` of each target to invalidate: the request's own, and Location and Content-Location on its origin.

    One with dot segments goes by both its names, as in purge orders.
    """
    if not is_invalidating(request, response):
        return ()
    urls = [request.uri]
    for name in ("location", "content-location"):
        value = response.fields.get(name)
        if value and (url := same_origin_url(value, request)) is not None:
            urls.append(url)
    uris = (uri_of_url(url, sites) for url in urls)
    return tuple(dict.fromkeys(name for uri in uris if uri is not None for name in names_of(uri)))


def invalidated_groups(request: RequestHead, response: ResponseHead) -> tuple[str, ...]:
    """The groups that the response to an unsafe request invalidates on its origin (RFC 9875 §3)."""
    if not is_invalidating(request, response):
        return ()
    return strings_of(response.fields.get("cache-group-invalidation"))
