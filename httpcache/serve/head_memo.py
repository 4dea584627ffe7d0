"""Request heads that were read before, by their octets: browsers send the same ones again and again."""

from __future__ import annotations

from httpcache.messages import PurgeMark
from httpcache.serve.ready import Name

COST = 800
"""What a remembered head costs beside its octets, in bytes: what was read of it, and its place."""


class KnownHead:
    """What was read of a head. `name` is that of its answer among those ready for `key`; None is not known yet."""

    __slots__ = ("forwarded_for", "key", "mark", "method", "name", "uri")

    def __init__(
        self, method: str, uri: str, key: str, forwarded_for: str | None, mark: PurgeMark | None
    ) -> None:
        self.method = method
        self.uri = uri
        self.key = key
        self.forwarded_for = forwarded_for
        """What a trusted peer says of its client."""
        self.mark = mark
        """How far a tier that asks has followed the purge log."""
        self.name: Name | None = None


class HeadMemo:
    """Two generations within `budget` bytes: a full young one becomes the old one, whose unused heads go with it."""

    def __init__(self, budget: int) -> None:
        self._most = budget // 2
        self._young: dict[bytes, KnownHead] = {}
        self._old: dict[bytes, KnownHead] = {}
        self._used = 0

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    def get(self, octets: bytes) -> KnownHead | None:
        """What was read of a head, if it is remembered."""
        read = self._young.get(octets)
        if read is None and (read := self._old.get(octets)) is not None:
            self.put(octets, read)
        return read

    def put(self, octets: bytes, read: KnownHead) -> None:
        """Remember a head."""
        if octets not in self._young:
            self._used += COST + len(octets)
        self._young[octets] = read
        if self._used > self._most:
            self._old, self._young, self._used = self._young, {}, 0
