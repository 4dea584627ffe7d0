"""What the holder of a token may order: claims of its own that narrow a token down."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from httpcache.purge.orders import CUT_ESCAPE, Kind, Order, names, normal_name
from httpcache.purge.problems import Problem
from httpcache.spelling import has_dots


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """Claims that narrow a token; a missing one does not narrow.

    Where `hosts`, `prefixes` or `tags` is given, a kind of order that none of them speaks of is not allowed
    (everything: unless `kinds` names it), so that a token for some tags cannot purge hosts.
    """

    kinds: tuple[Kind, ...] | None = None
    hosts: tuple[str, ...] | None = None
    prefixes: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None

    @property
    def is_narrowed(self) -> bool:
        """Whether the token may do less than its key."""
        return (self.kinds, self.hosts, self.prefixes, self.tags) != (None, None, None, None)

    def missing_for(self, order: Order) -> Problem | None:
        """The 403 that names the right which an order lacks."""
        if self.kinds is not None and order.kind not in self.kinds:
            return _lacks(f"kinds: {order.kind}")
        if self.hosts is None and self.prefixes is None and self.tags is None:
            return None
        if order.kind is Kind.EVERYTHING:
            return None if self.kinds is not None else _lacks(f"kinds: {order.kind}")
        for target in order.targets:
            if not self._allows(order.kind, target):
                return _lacks(f"{_CLAIM[order.kind]}: {target}")
        return None

    def _allows(self, kind: Kind, target: str) -> bool:
        if kind is Kind.TAG:
            return any(_fits(pattern, target) for pattern in self.tags or ())
        # All that is purged with it must be within the right: what dot segments lead to, and either scheme's port.
        found = names(kind, target, ())
        prefixes = _normal(Kind.PREFIX, list(filter(_stays, self.prefixes or ())))
        return bool(found) and all(
            self._allows_host(name.partition("/")[0], is_whole=kind is Kind.HOST)
            or (kind is not Kind.HOST and any(name.startswith(prefix) for prefix in prefixes))
            for name in found
        )

    def _allows_host(self, authority: str, *, is_whole: bool) -> bool:
        """Whether a host is within the right, all of it where the order `is_whole`: without a port that is all ports.

        A right with a port, also a default one, is for that port alone.
        """
        without_port = _PORT.sub("", authority)
        for given in self.hosts or ():
            name = normal_name(Kind.HOST, given, ())
            if _PORT.search(given) is None:
                if name is not None and name in (authority, without_port):
                    return True
            elif name == authority and not (is_whole and authority == without_port):
                return True
        return False


_PORT = re.compile(r":[0-9]+\Z")
_CLAIM = {Kind.TAG: "tags", Kind.HOST: "hosts", Kind.URL: "prefixes", Kind.PREFIX: "prefixes"}


def _stays(prefix: str) -> bool:
    """Whether a prefix can be a right: one that must not grow, whatever a site makes of it.

    One that ends within an escape would be cut, dot segments would widen it, and sites may leave queries out.
    """
    return not (CUT_ESCAPE.search(prefix) or "?" in prefix or has_dots(prefix))


def _normal(kind: Kind, texts: Sequence[str]) -> list[str]:
    return [name for given in texts if (name := normal_name(kind, given, ()))]


def _fits(pattern: str, tag: str) -> bool:
    return tag.startswith(pattern[:-1]) if pattern.endswith("*") else tag == pattern


def _lacks(right: str) -> Problem:
    shown = right if len(right) <= 100 else f"{right[:100]}…"
    return Problem(403, "right-missing", f"The token does not carry the right {shown!r}.")
