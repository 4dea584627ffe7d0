"""The shield: a cache whose next hop is the origin; it answers edges, and keeps the purge log."""

from __future__ import annotations

from httpcache.fetch.route import ToOrigins
from httpcache.serve.tier import Wiring
from httpcache.settings import Settings


def wire(settings: Settings) -> Wiring:
    """How a shield is put together. Codings are made at the edges, where clients are."""
    return Wiring(
        route=ToOrigins(settings.origin, settings.origins), trusts_peers=True, codes=False, sends_mark=False
    )
