"""Space given back: what is on disk, page by page, and the removal of what nobody may be answered with any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from httpcache.messages import StoredResponse
from httpcache.store import records
from httpcache.store.database import FAULTS, Database
from httpcache.store.eviction import Eviction
from httpcache.store.writer import Writer

LAST_ROW = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Page:
    """Records in the order of their rows; `last` is where the next page goes on, None at the end."""

    rows: tuple[tuple[str, bytes, tuple[StoredResponse, ...]], ...]
    last: int | None


class GiveBack:
    """Walks over the disk store and removes records with their bodies. `read` blocks: call it in a thread."""

    def __init__(
        self, database: Database, writer: Writer, eviction: Eviction, discard: Callable[[str], None]
    ) -> None:
        self._database = database
        self._writer = writer
        self._eviction = eviction
        self._discard = discard

    def spans(self, rows: int, most: int) -> list[tuple[int, int]]:
        """All rows in runs of at least so many, `most` runs in all: each as what `read` begins behind and ends at."""
        try:
            first, last = (
                self._database.connection().execute("SELECT min(rowid), max(rowid) FROM Cache").fetchone()
            )
        except FAULTS:
            return []
        if first is None:
            return []
        step = max(rows, -(-(last - first + 1) // most))
        return [(after, after + step) for after in range(first - 1, last, step)]

    def read(self, after: int, count: int, until: int = LAST_ROW) -> Page:
        """At most `count` records behind row `after`, up to row `until`. What cannot be read now is the end."""
        try:
            found = (
                self._database.connection()
                .execute(
                    "SELECT rowid, key, value FROM Cache WHERE rowid > ? AND rowid <= ? AND key GLOB '*.h'"
                    " ORDER BY rowid LIMIT ?",
                    (after, until, count),
                )
                .fetchall()
            )
        except FAULTS:
            return Page((), None)
        rows = []
        for _, name, value in found:
            stored = records.decode_named(value, name) if isinstance(value, bytes) else None
            if stored:
                rows.append((name, value, stored))
        return Page(tuple(rows), int(found[-1][0]) if len(found) == count else None)

    def remove(self, gone: Sequence[tuple[str, bytes, tuple[StoredResponse, ...]]]) -> None:
        """Have records removed that still are what was read, and their bodies: at once where nobody reads them."""
        self._writer.add([], after=lambda: self._remove(gone))

    def _remove(self, gone: Sequence[tuple[str, bytes, tuple[StoredResponse, ...]]]) -> None:
        """1. A record was read and found to be purged; 2. a new response took its place; 3. we come: it stays."""
        bodies: list[str] = []
        with self._database.transaction() as connection:
            for name, value, stored in gone:
                done = connection.execute("DELETE FROM Cache WHERE key = ? AND value = ?", (name, value))
                if done.rowcount == 1:
                    bodies += [form.body_id for one in stored for form in one.forms]
        held = [body for body in bodies if self._eviction.is_held(f"{body.partition('.')[0]}.h")]
        for body in held:
            self._discard(body)
        self._database.remove_under(set(bodies).difference(held))
