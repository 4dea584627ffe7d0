"""The edge: a cache whose next hop is the shield, or the origin where there is none; it answers clients."""

from __future__ import annotations

from httpcache.fetch.route import ToOrigins, ToShields
from httpcache.serve.tier import Wiring
from httpcache.settings import Settings


def wire(settings: Settings) -> Wiring:
    """How an edge is put together."""
    shields = settings.shields
    return Wiring(
        route=ToShields(shields) if shields else ToOrigins(settings.origin, settings.origins),
        trusts_peers=False,
        codes=bool(settings.coding.codings),
        sends_mark=bool(shields),
    )
