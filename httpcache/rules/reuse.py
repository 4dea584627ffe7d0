"""Whether a stored response may answer a request (RFC 9111 §4), and if not, what has to happen."""

from __future__ import annotations

from collections.abc import Sequence

from httpcache.messages import RequestHead, StoredResponse
from httpcache.rules.cache_control import (
    RequestDirectives,
    ResponseDirectives,
    parse_request_directives,
    stale_is_prohibited,
    storing_is_prohibited,
)
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
from httpcache.rules.fields import parse_entity_tag
from httpcache.rules.freshness import current_age, lifetime_of
from httpcache.rules.partial import answers_from_part, is_partial
from httpcache.rules.preconditions import is_for_origin
from httpcache.rules.targeted import effective_directives
from httpcache.rules.vary import select
from httpcache.settings import SitePolicy


def decide_reuse(
    request: RequestHead, candidates: Sequence[Candidate], now: float, policy: SitePolicy
) -> ReuseDecision:
    """Decide from what is stored for the cache key; `now` is Unix seconds."""
    if policy.bypass:
        return Forward(ForwardReason.BYPASS)
    if request.method not in ("GET", "HEAD"):
        return Forward(ForwardReason.METHOD)  # an unsafe method is always written through (RFC 9111 §4)
    directives = parse_request_directives(request.fields)
    decision: ReuseDecision = Forward(ForwardReason.REQUEST, "precondition")
    if not is_for_origin(request):
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
    first, stored = selected[0], selected[0].stored
    effective = effective_directives(stored.fields)
    response = effective.directives
    if storing_is_prohibited(response):
        # Freshening can make it so (a 304 or HEAD that says private). It is for nobody, whatever a validation says.
        return Forward(ForwardReason.MISS, "private" if response.private else "no-store")
    if is_partial(stored) and not answers_from_part(request, stored, now):
        return Forward(ForwardReason.PARTIAL)
    validated = _to_validate(first, present)
    if first.standing not in (Standing.GOOD, Standing.TOLERATED):
        return Validate(validated, ForwardReason.STALE, first.standing.value)
    if response.no_cache:
        return Validate(validated, ForwardReason.STALE, "no-cache")
    lifetime, age = lifetime_of(stored, policy, effective), current_age(stored, now)
    left = lifetime.seconds - age
    if directives.no_cache:
        return Validate(validated, ForwardReason.REQUEST if left > 0 else ForwardReason.STALE, "no-cache")
    if left <= 0:
        return _if_stale(directives, response, stored, validated, (age, left))
    if directives.min_fresh is not None and left < directives.min_fresh:
        return Validate(validated, ForwardReason.REQUEST, "min-fresh")
    detail = _detail(first.standing, lifetime.source)
    if _is_too_old(directives, age):
        if not response.immutable:
            return Validate(validated, ForwardReason.REQUEST, "max-age")
        # RFC 8246 §2.1: a fresh immutable response is not validated unless the client signals that it has to be.
        # no-cache is that signal; max-age, which a reload sends, only prefers a younger response of the same octets.
        detail = "immutable"
    return Reuse(stored, int(age), int(left), detail=detail)


def _is_too_old(request: RequestDirectives, age: float) -> bool:
    """Whether the response is older than the client likes; max-stale stretches that, too (RFC 9111 §5.2.1.1)."""
    return request.max_age is not None and age > request.max_age + (request.max_stale or 0)


def _if_stale(
    request: RequestDirectives,
    response: ResponseDirectives,
    stored: StoredResponse,
    validated: tuple[StoredResponse, ...],
    age_and_left: tuple[float, float],
) -> ReuseDecision:
    """Decide on a stale response: only where its origin or the client permits it, and no directive prohibits it."""
    age, left = age_and_left
    if stale_is_prohibited(response):
        return Validate(validated, ForwardReason.STALE, "must-revalidate")
    if request.min_fresh is not None or _is_too_old(request, age):
        return Validate(validated, ForwardReason.STALE)
    window = response.stale_while_revalidate or 0
    # A client that sends max-age without max-stale does not want a stale response (RFC 9111 §5.2.1.1).
    if -left < window and (request.max_age is None or request.max_stale is not None):
        return Reuse(stored, int(age), _negative(left), refresh=True, detail="stale-while-revalidate")
    if request.max_stale is not None and -left <= request.max_stale:
        return Reuse(stored, int(age), _negative(left), detail="max-stale")
    return Validate(validated, ForwardReason.STALE)


def _detail(standing: Standing, source: str) -> str:
    """What Cache-Status says of a hit: nothing where the lifetime is the response's own, and nothing is in doubt."""
    if standing is Standing.TOLERATED:
        return standing.value
    return "" if source in ("s-maxage", "max-age", "expires") else source


def _negative(left: float) -> int:
    """Whole seconds of staleness, below zero even within the first second (RFC 9211 §2.4)."""
    return min(-1, int(left))


def _to_validate(selected: Candidate, present: Sequence[Candidate]) -> tuple[StoredResponse, ...]:
    """The selected response first, then the others of the key that an entity tag can name (RFC 9111 §4.3.1).

    One held in part is not among the others: its tag must not be sent unless its part answers (§4.3.2).
    """
    others = (one.stored for one in present if one is not selected)
    named = (one for one in others if parse_entity_tag(one.fields.get("etag")) and not is_partial(one))
    return (selected.stored, *named)
