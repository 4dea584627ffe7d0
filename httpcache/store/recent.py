"""Records that were read from disk a moment ago: a large body that many ask for is not looked up for each of them."""

from __future__ import annotations

from collections import OrderedDict

from httpcache import clock
from httpcache.messages import StoredResponse

KEPT = 2.0
"""How long a record is given again without looking, in seconds. Eviction spares what was read for longer than that."""

REMEMBERED = 256
"""Records that are remembered at the most: a few KiB each, beside the budget of the RAM store."""


class Recent:
    """Records by cache key, for one process: what another worker writes is seen once a record's time is up."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, tuple[float, tuple[StoredResponse, ...]]] = OrderedDict()

    def get(self, key: str) -> tuple[StoredResponse, ...]:
        """What was read for a key; nothing once its time is up."""
        until, found = self._records.get(key, (0.0, ()))
        if found and clock.monotonic() > until:
            del self._records[key]
            return ()
        return found

    def put(self, key: str, found: tuple[StoredResponse, ...]) -> None:
        """Remember what was read for a key just now."""
        self._records[key] = clock.monotonic() + KEPT, found
        if len(self._records) > REMEMBERED:
            self._records.popitem(last=False)

    def drop(self, key: str) -> None:
        """Forget a key: it has changed."""
        self._records.pop(key, None)
