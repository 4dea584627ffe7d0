"""Where the purge log is kept, as a node finds it from its settings."""

from __future__ import annotations

from yarl import URL

from httpcache.settings import Settings, admin_port

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def log_url(settings: Settings) -> str:
    """URL of the admin listener that keeps the log: named, this node's own, or the first shield's."""
    if settings.purge.log_at:
        return settings.purge.log_at.removesuffix("/")
    if settings.keeps_log:
        host, port = settings.admin_address
        return str(URL.build(scheme="http", host=_ANY.get(host, host), port=port))
    shield = URL(settings.shields[0])
    return str(URL.build(scheme=shield.scheme, host=shield.host or "", port=admin_port(shield.port or 80)))
