"""What every hit runs through, in one module, which the package's build compiles: hits.py says which form runs."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from httpcache import clock
from httpcache.messages import Form, PurgeMark, StoredResponse
from httpcache.observe import metrics
from httpcache.observe.access_log import FLUSH_AFTER, AccessLog, told_client, told_request
from httpcache.rules.cache_control import GREATEST
from httpcache.rules.decisions import Served, Standing
from httpcache.rules.freshness import corrected_initial_age
from httpcache.serve.forms import Forms
from httpcache.serve.peers import Peers
from httpcache.serve.plain_head import END
from httpcache.serve.tier import Tier
from httpcache.store.counts import Counts

if TYPE_CHECKING:
    from httpcache.serve.lane_parts import Client, Name, Reader

COST = 800
"""What a remembered head costs beside its octets, in bytes: what was read of it, and its place."""

MOST_TOLD = 256
"""Hits that wait to be told at the most: so that telling them never keeps others waiting for long."""

MOST_AT_ONCE = 64
"""Pipelined requests that are answered without giving other connections a turn; the slow lane takes what is left."""

CLIENTS = 4096
"""Clients whose part of a line is kept."""


class Ready:
    """An answer that stands until its response is no longer fresh, or good. `head` tells `age` and `ttl`."""

    __slots__ = (
        "age", "between", "body", "changes", "counted", "detail", "first", "head", "initial_age", "lifetime",
        "response_time", "sent", "since", "slots", "status", "stored", "told", "told_end", "ttl", "wished",
    )  # fmt: skip

    def __init__(self, stored: StoredResponse, status: int, detail: str) -> None:
        self.stored = stored
        self.status = status
        self.detail = detail
        self.initial_age = corrected_initial_age(stored)
        self.response_time = stored.response_time
        self.lifetime = 0.0
        self.since = stored.request_time
        self.changes = -1
        """The purge log's `changes` at which the response was last found good."""
        self.slots: tuple[int, ...] = ()
        """Where invalidations of the response would be marked."""
        self.body: bytes | memoryview = b""
        self.counted: Form | None = None
        """The form that is given, where it matters how often it is."""
        self.wished = ""
        """The coding that those who get this answer would have liked, and that is still to be made."""
        self.sent = 0
        """Octets of body."""
        self.age = self.ttl = 0
        self.head = b""
        self.between = (0, 0, 0, 0)
        """Where in `head` the digits of Age and of ttl begin and end."""
        self.told = self.told_end = ""
        """What the access log says of it before and behind the seconds; see told_answer."""

    def tell(self, age: int, ttl: int) -> None:
        """Put the digits of this second into the head."""
        head, (age_first, age_end, ttl_first, ttl_end) = self.head, self.between
        self.age, self.ttl = age, ttl
        told, left = b"%d" % age, b"%d" % ttl
        self.head = b"".join((head[:age_first], told, head[age_end:ttl_first], left, head[ttl_end:]))
        longer = len(told) - (age_end - age_first)
        ttl_first += longer
        self.between = (age_first, age_first + len(told), ttl_first, ttl_first + len(left))


class KnownHead:
    """What was read of a head. `name` is that of its answer among those ready for `key`; None is not known yet."""

    __slots__ = ("forwarded_for", "key", "mark", "name", "told")

    def __init__(
        self, method: str, uri: str, key: str, forwarded_for: str | None, mark: PurgeMark | None
    ) -> None:
        self.told = told_request(method, uri)
        """What the access log says of it."""
        self.key = key
        self.forwarded_for = forwarded_for
        """What a trusted peer says of its client."""
        self.mark = mark
        """How far a tier that asks has followed the purge log."""
        self.name: Name | None = None


class HeadMemo:
    """Heads by their octets, in two generations within `budget` bytes.

    A full young one becomes the old one, whose unused heads go with it.
    """

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
        if read is None:
            read = self._old.get(octets)
            if read is not None:
                self.put(octets, read)
        return read

    def put(self, octets: bytes, read: KnownHead) -> None:
        """Remember a head."""
        if octets not in self._young:
            self._used += COST + len(octets)
        self._young[octets] = read
        if self._used > self._most:
            self._old, self._young, self._used = self._young, {}, 0


class HitTally:
    """Tells of the hits of one worker, at the latest after FLUSH_AFTER seconds: the numbers and lines of telling.py."""

    def __init__(self, log: AccessLog, node: str, counts: Counts) -> None:
        self.hits = 0
        """All hits so far that were told."""
        self._log = log
        self._is_logged = log.is_on
        self._node = node
        self._counts = counts
        self._timer: asyncio.TimerHandle | None = None
        self._clients: dict[str, str] = {}
        self._lines: list[str] = []
        self._untold = 0
        self._octets = 0
        self._quick = 0
        self._seconds = 0.0
        """How long the quick ones took, all of them together."""
        self._to_unix = 0.0

    def add(self, known: KnownHead, ready: Ready, client: str, began: float) -> None:
        """Take a hit that was answered just now, `began` (monotonic) when its head had come."""
        now = clock.monotonic()
        seconds = now - began
        if self._untold == 0:
            self._to_unix = clock.now() - clock.monotonic()  # with nothing between that could take long
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(FLUSH_AFTER, self._time_is_over)
        self._untold += 1
        self._octets += ready.sent
        if seconds <= metrics.QUICK:
            self._quick += 1
            self._seconds += seconds
        else:
            metrics.LATENCY.labels(Served.HIT).observe(seconds)
        if self._is_logged:
            self._lines.append(self._line(known, ready, client, began + self._to_unix, seconds))
        if self._untold >= MOST_TOLD:
            self.flush()

    def _line(self, known: KnownHead, ready: Ready, client: str, time: float, seconds: float) -> str:
        of_client = self._clients.get(client)
        if of_client is None:
            if len(self._clients) >= CLIENTS:
                self._clients.clear()
            of_client = self._clients[client] = told_client(self._node, client)
        whole = int(time)
        millionths = int((time - whole) * 1e6)
        took = int(seconds * 1e6 + 0.5)
        return (
            f'{{"time":{whole}.{millionths:06d}{of_client}{known.told}{ready.told}'
            f"{took // 1000000}.{took % 1000000:06d}{ready.told_end}"
        )

    def _time_is_over(self) -> None:
        self._timer = None
        self.flush()

    def flush(self) -> None:
        """Tell what waits."""
        untold = self._untold
        if untold == 0:
            return
        self.hits += untold
        self._counts.ram_hits += untold
        metrics.count_hits(untold, self._octets, self._quick, self._seconds)
        self._untold = self._octets = self._quick = 0
        self._seconds = 0.0
        lines, self._lines = self._lines, []
        if lines:
            self._log.write_rendered(lines)

    def close(self) -> None:
        """Tell what waits, and wait for nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.flush()


class HitLane:
    """Answers requests whose heads are known and whose answers are ready."""

    def __init__(
        self,
        reader: Reader,
        tier: Tier,
        peers: Peers,
        tally: HitTally,
        forms: Forms,
        heads: tuple[HeadMemo, HeadMemo],
    ) -> None:
        self._reader = reader
        self._tier = tier
        self._peers = peers
        self._tally = tally
        self._forms = forms
        self._purges = tier.purges
        self._marked_at = tier.invalidations.times
        self._entries = tier.store.ram.entries
        self._memo, self._memo_of_trusted = heads  # what is read of a head depends on whom it is from

    def answer(self, client: Client, data: bytes) -> bytes:
        """Answer the requests that `data` begins with, as far as they are for the fast lane; what is left of it.

        `data` begins where a request begins. All of it is left when nothing was answered.
        """
        began, memo = clock.monotonic(), self._memo_of_trusted if client.is_trusted else self._memo
        known = memo.get(data)
        if known is not None:
            return b"" if self._hit(client, data, known, began) else data
        at = 0
        for _ in range(MOST_AT_ONCE):
            end = data.find(END, at) + len(END)
            if end < len(END):
                break
            head = data[at:end]
            known = memo.get(head) or self._reader.read_head(client, head, memo)
            if known is None or not self._hit(client, head, known, began):
                break
            at = end
            if at == len(data) or client.is_paused:
                break
        return data[at:]

    def _hit(self, client: Client, head: bytes, known: KnownHead, began: float) -> bool:
        """Answer one request; False when it is not for the fast lane."""
        entry = self._entries.get(known.key)
        if entry is None:
            return False
        entry.visited = True
        shelf = entry.value
        found = shelf.rendered.get(known.name) or self._reader.prepare(client, head, known, shelf)
        if type(found) is not Ready:
            return False
        ready = found
        now = self._tier.now()
        # As current_age and decide_reuse have it: response_time is never later than now here, GREATEST never reached.
        age = ready.initial_age + (now - ready.response_time)
        left = ready.lifetime - age
        if left <= 0 or now < ready.response_time or age > GREATEST:
            return False
        if not self._is_good(ready, known):
            return False
        if not ready.age <= age < ready.age + 1 or not ready.ttl <= left < ready.ttl + 1:
            ready.tell(int(age), int(left))
        transport = client.transport
        if transport is None:
            return False
        self._send(client.fd, transport, ready)
        if ready.wished:
            self._forms.wished(ready.stored, ready.wished)
        elif ready.counted is not None:
            self._forms.given(ready.stored, ready.counted)
        peer = client.peer
        if known.forwarded_for is not None:
            peer = self._peers.client(peer, known.forwarded_for)
        self._tally.add(known, ready, peer, began)
        return True

    def _send(self, fd: int, transport: asyncio.Transport, ready: Ready) -> None:
        """Write an answer: past the transport where nothing waits in it, which spares a copy and much of its work."""
        head, body, written = ready.head, ready.body, 0
        # Of a transport that is closing, the socket may be another client's by now.
        if fd >= 0 and not transport.get_write_buffer_size() and not transport.is_closing():
            try:
                written = os.writev(fd, (head, body)) if ready.sent else os.write(fd, head)
            except OSError:
                written = 0  # the client reads too slowly, or has left: the transport finds out which
        left = len(head) + ready.sent - written
        if left > ready.sent:
            head = head[written:]
            transport.writelines((head, body)) if ready.sent else transport.write(head)
        elif left:
            transport.write(memoryview(body)[ready.sent - left :])

    def _is_good(self, ready: Ready, known: KnownHead) -> bool:
        """Whether no order, no invalidation and no tier that asks says anything against an answer, as of now."""
        changes = self._purges.changes
        if ready.changes != changes:
            if self._purges.standing(ready.stored) is not Standing.GOOD:
                return False
            ready.changes = changes
        for slot in ready.slots:
            marked = self._marked_at[slot]
            if marked and marked >= ready.since:
                return False
        return known.mark is None or known.mark <= self._purges.mark
