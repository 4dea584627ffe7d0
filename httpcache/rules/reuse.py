"""Whether a stored response may answer a request (RFC 9111 §4), and if not, what has to happen."""

from __future__ import annotations

from collections.abc import Sequence

from httpcache.messages import RequestHead, StoredResponse
from httpcache.rules.cache_control import RequestDirectives, ResponseDirectives, parse_request_directives
from httpcache.rules.decisions import (
    Candidate,
    Forward,
    ForwardReason,
    GatewayTimeout,
    Reuse,
    ReuseDecision,
    Standing,
    Validate,
)
from httpcache.rules.freshness import current_age, lifetime_of
from httpcache.rules.targeted import effective_directives
from httpcache.rules.vary import select
from httpcache.settings import SitePolicy


def decide_reuse(
    request: RequestHead, candidates: Sequence[Candidate], now: float, policy: SitePolicy
) -> ReuseDecision:
    """Decide from what is stored for the cache key; `now` is Unix seconds."""
    directives = parse_request_directives(request.fields)
    decision = _decide(request, directives, candidates, now, policy)
    if directives.only_if_cached and not isinstance(decision, Reuse):
        return GatewayTimeout()
    return decision


def _decide(
    request: RequestHead,
    directives: RequestDirectives,
    candidates: Sequence[Candidate],
    now: float,
    policy: SitePolicy,
) -> ReuseDecision:
    present = [one for one in candidates if one.standing is not Standing.GONE]
    if not present:
        return Forward(ForwardReason.URI_MISS, Standing.GONE.value if candidates else "")
    selected = select(present, request)
    if not selected:
        return Forward(ForwardReason.VARY_MISS)
    if selected[0].stored.status == 206:
        return Forward(ForwardReason.PARTIAL)
    validated = _to_validate(selected[0], present)
    if selected[0].standing is not Standing.GOOD:
        return Validate(validated, ForwardReason.STALE, selected[0].standing.value)
    return _by_freshness(directives, selected[0].stored, validated, now, policy)


def _by_freshness(
    request: RequestDirectives,
    stored: StoredResponse,
    validated: tuple[StoredResponse, ...],
    now: float,
    policy: SitePolicy,
) -> ReuseDecision:
    response = effective_directives(stored.fields).directives
    if request.no_cache:
        return Validate(validated, ForwardReason.REQUEST, "no-cache")
    if response.no_cache:
        return Validate(validated, ForwardReason.STALE, "no-cache")
    lifetime, age = lifetime_of(stored, policy), current_age(stored, now)
    left = lifetime.seconds - age
    if request.max_age is not None and age > request.max_age and request.max_stale is None:
        return Validate(validated, ForwardReason.REQUEST, "max-age")
    if request.min_fresh is not None and left < request.min_fresh:
        return Validate(validated, ForwardReason.REQUEST, "min-fresh")
    if left > 0:
        return Reuse(
            stored, int(age), int(left), detail="" if _is_plain(lifetime.source) else lifetime.source
        )
    if stale_is_prohibited(response):
        return Validate(validated, ForwardReason.STALE, "must-revalidate")
    if request.max_stale is not None and -left <= request.max_stale:
        return Reuse(stored, int(age), _negative(left), detail="max-stale")
    if response.stale_while_revalidate is not None and -left < response.stale_while_revalidate:
        return Reuse(stored, int(age), _negative(left), refresh=True, detail="stale-while-revalidate")
    return Validate(validated, ForwardReason.STALE)


def _is_plain(source: str) -> bool:
    """Whether the lifetime is the response's own: then Cache-Status need not say where it is from."""
    return source in ("s-maxage", "max-age", "expires")


def _negative(left: float) -> int:
    """Whole seconds of staleness, below zero even within the first second (RFC 9211 §2.4)."""
    return min(-1, int(left))


def stale_is_prohibited(response: ResponseDirectives) -> bool:
    """Whether the response must not be used once stale (RFC 9111 §4.2.4); s-maxage says so too (§5.2.2.10)."""
    return (
        response.must_revalidate
        or response.proxy_revalidate
        or response.no_cache
        or response.s_maxage is not None
    )


def _to_validate(selected: Candidate, present: Sequence[Candidate]) -> tuple[StoredResponse, ...]:
    """The selected response first, then the others of the key that an entity tag can name (RFC 9111 §4.3.1)."""
    others = (one.stored for one in present if one is not selected and "etag" in one.stored.fields)
    return (selected.stored, *(one for one in others if one.status != 206))
