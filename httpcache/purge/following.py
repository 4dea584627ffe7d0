"""The blocking half of a follower, for one thread: signatures, the keeper's pinned key, and what is applied durably."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from httpcache import clock
from httpcache.messages import PurgeMark
from httpcache.purge.acks import Ack, Acks
from httpcache.purge.applied import Held, open_applied
from httpcache.purge.feed_lines import FeedLine, LineFault, open_line, shown_key
from httpcache.purge.key_files import read_key_file
from httpcache.purge.keys import PublicKey, jwk_set, named, node_key, write_new
from httpcache.purge.matches import Answer, Matches, Question
from httpcache.purge.orders import Order, normalised
from httpcache.purge.tokens import node_token
from httpcache.settings import Settings

STEP = 100
"""Names that are made durable at once: half a millisecond of a processor."""
PAUSE = 0.001
"""How long a worker leaves the processor to others before each part of a longer run, in seconds."""
CATCHING_UP = 5000
"""Who lacks more orders than so many does not pause."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run of lines brought, durable already. `held` is set where what was held gives way to it.

    `behind` is how long ago the keeper itself knew to be at the end, `pause` how long to wait before each part of a
    long run, so that clients are answered between: both in seconds.
    """

    orders: tuple[tuple[int, Order], ...]
    newest: int
    heartbeat: float
    held: Held | None = None
    question: Question | None = None
    behind: float = 0.0
    pause: float = 0.0


def parts(orders: Sequence[tuple[int, Order]], names: int) -> Iterator[Sequence[tuple[int, Order]]]:
    """Runs of orders that name about so many things each; one order at least."""
    first = named = 0
    for at, (_, order) in enumerate(orders):
        if at > first and named + len(order.targets) > names:
            yield orders[first:at]
            first, named = at, 0
        named += max(1, len(order.targets))
    if orders:
        yield orders[first:]


class Following:
    """Opens the durable copy and the node's key. Raises KeyFault, OSError or sqlite3.Error."""

    def __init__(self, settings: Settings, folder: Path, index: int) -> None:
        self._settings = settings
        self._index = index
        self._key = node_key(folder, settings.node_name)
        self._pinned_file = folder / "keys" / "keeper.jwks"
        self.applied = open_applied(folder / "purge" / "applied.db", settings.purge.watermarks)
        self._epoch = 0
        self._n = 0
        self._nonce = ""
        self._seq = 0
        self._keeper: PublicKey | None = None

    def load(self) -> Held:
        """What is durable: from there the log is followed."""
        return self._go_on_from(self.applied.load())

    def begin(self) -> tuple[str, PurgeMark]:
        """A token for a new connection, and from where it goes on."""
        self._nonce, self._seq = secrets.token_urlsafe(12), 0
        count = self._settings.workers
        mark = PurgeMark(self._epoch, self._n)
        token = node_token(
            self._key,
            b"",
            clock.now(),
            worker=self._index,
            workers=count,
            nonce=self._nonce,
            after=f"{mark.epoch}.{mark.n}",
        )
        return token, mark

    def take(self, lines: Sequence[bytes]) -> Taken:
        """Believe, and make durable, lines of this connection. Raises LineFault, OSError or sqlite3.Error."""
        opened = [self._open(line) for line in lines]
        question = self._asked(opened)
        return replace(self._take(opened), question=question)

    def _take(self, opened: Sequence[FeedLine]) -> Taken:
        last = opened[-1]
        reset = next((line for line in opened if line.is_reset), None)
        if reset is not None:
            held = self._go_on_from(self.applied.adopt(PurgeMark(reset.epoch, reset.newest), reset.start))
            return Taken((), reset.newest, reset.heartbeat, held)
        pause = self._pause(opened)
        time.sleep(pause)
        orders = self._joined(opened)
        if not self._persist(orders, pause):
            return Taken((), last.newest, last.heartbeat, self.load())
        return Taken(orders, last.newest, last.heartbeat, behind=last.behind, pause=pause)

    def _pause(self, opened: Sequence[FeedLine]) -> float:
        is_long = sum(max(1, len(order.targets)) for line in opened for order in line.orders) > STEP
        return PAUSE if is_long and opened[-1].newest - self._n < CATCHING_UP else 0.0

    def _persist(self, orders: Sequence[tuple[int, Order]], pause: float) -> bool:
        """A few at a time; False when they do not join on to what is durable.

        What fails half-way is followed from its beginning again: this worker's memory has none of it yet.
        """
        durable = self._n
        for run in parts(orders, STEP):
            time.sleep(pause)
            if not self.applied.persist(self._epoch, durable, run):
                return False
            durable = run[-1][0]
        self._n = durable
        return True

    def _asked(self, opened: Sequence[FeedLine]) -> Question | None:
        """The newest question of these lines, in the names that this node has for stored responses."""
        asked = next((line.question for line in reversed(opened) if line.question is not None), None)
        if asked is None:
            return None
        return Question(asked.number, tuple(normalised(one, self._settings.sites) for one in asked.orders))

    def answer(self, number: int, matches: Matches) -> tuple[bytes, str]:
        """Body and token that answer a question."""
        body = msgspec.json.encode(Answer(number, self._index, matches))
        return body, node_token(self._key, body, clock.now())

    def acks(self, mark: PurgeMark) -> tuple[bytes, str]:
        """Body and token that acknowledge a mark."""
        body = msgspec.json.encode(Acks(mark.epoch, (Ack(self._index, mark.n),)))
        return body, node_token(self._key, body, clock.now())

    def _joined(self, lines: Sequence[FeedLine]) -> tuple[tuple[int, Order], ...]:
        """The orders of these lines, named as this node names stored responses; they go on where we are."""
        orders: list[tuple[int, Order]] = []
        n = self._n
        for line in lines:
            if line.epoch != self._epoch or (line.orders and line.after != n):
                raise LineFault("does not go on where the last one ended")
            for number, order in line.numbered():
                n = number
                orders.append((n, normalised(order, self._settings.sites)))
        return tuple(orders)

    def _go_on_from(self, held: Held) -> Held:
        self._epoch, self._n = held.mark.epoch, held.mark.n
        return held

    def _open(self, text: bytes) -> FeedLine:
        if self._seq == 0:
            self._keeper = self._trusted(text)
        assert self._keeper is not None
        line = open_line(text, self._keeper, self._nonce, self._seq)
        self._seq += 1
        return line

    def _trusted(self, text: bytes) -> PublicKey:
        """The keeper's key: our own where we keep the log, else the one that was pinned at first contact.

        Where `purge.nodes` names a file, it must be in there at first contact and ever after.
        """
        if self._settings.keeps_log:
            return self._key.public
        listed = self._settings.purge.nodes
        if listed and not _is_listed(shown_key(text), Path(listed)):
            raise LineFault(
                f"the log's keeper shows a key that is not in {listed}: add it there if it is right"
            )
        if not self._pinned_file.exists():
            shown = shown_key(text)
            open_line(text, shown, self._nonce, self._seq)
            with contextlib.suppress(FileExistsError):  # another worker was faster: the key it pinned counts
                write_new(self._pinned_file, jwk_set([shown]))
        pinned = read_key_file(self._pinned_file)[0]
        if shown_key(text).kid != pinned.kid:
            raise LineFault(
                f"the log's keeper has another key than before: if that is right, remove {self._pinned_file}"
            )
        return pinned


def _is_listed(shown: PublicKey, path: Path) -> bool:
    return any(named(key.key, "").kid == shown.kid for key in read_key_file(path))
