"""The fast lane: answers plain requests from what stands ready in RAM, at once, and leaves every other octet alone."""

from __future__ import annotations

import asyncio
from typing import Protocol

from httpcache import clock
from httpcache.messages import RequestHead
from httpcache.rules.answers import Context
from httpcache.rules.cache_control import GREATEST
from httpcache.rules.cache_key import cache_key
from httpcache.rules.decisions import Standing
from httpcache.rules.forwarding import is_loop
from httpcache.serve.forms import Forms
from httpcache.serve.head_memo import HeadMemo, KnownHead
from httpcache.serve.hit_tally import HitTally
from httpcache.serve.peers import Peers
from httpcache.serve.plain_head import END, PlainHead, plain_request, read_plain_head
from httpcache.serve.ready import Name, Ready, make_ready, name_of, varying_names
from httpcache.serve.tier import Tier, invalidation_names
from httpcache.serve.transaction import read_mark
from httpcache.settings import policy_for
from httpcache.store.ram import Shelf

MOST_AT_ONCE = 64
"""Pipelined requests that are answered without giving other connections a turn; the slow lane takes what is left."""

JOINED = 16 * 2**10
"""Bodies up to this are copied behind their head, to be written as one, in bytes."""

UNREADY = object()
"""Stands for the answer to requests that the transaction must see, in the place of a ready one."""


class Client(Protocol):
    """A connection. `is_paused` once its client reads too slowly."""

    transport: asyncio.Transport | None
    peer: str
    is_trusted: bool

    @property
    def is_paused(self) -> bool:
        """Whether what was written waits for its client to read."""
        ...


class FastLane:
    """The fast lane of one worker."""

    def __init__(self, tier: Tier, peers: Peers, tally: HitTally, forms: Forms) -> None:
        self._tier = tier
        self._peers = peers
        self._tally = tally
        self._forms = forms
        self._purges = tier.purges
        self._is_marked = tier.invalidations.is_marked
        self._serve = tier.settings.serve
        self._ram = tier.store.ram
        half = self._serve.heads // 2 if peers.trusts_some else self._serve.heads
        self._memos = (HeadMemo(half), HeadMemo(half))  # what is read of a head depends on whom it is from

    def trusts(self, peer: str) -> bool:
        """Whether what a peer says of its client is believed."""
        return self._peers.is_trusted(peer)

    def answer(self, client: Client, data: bytes) -> bytes:
        """Answer the requests that `data` begins with, as far as they are for the fast lane; what is left of it.

        `data` begins where a request begins. All of it is left when nothing was answered.
        """
        began, memo = clock.monotonic(), self._memos[client.is_trusted]
        known = memo.get(data)
        if known is not None:
            return b"" if self._hit(client, data, known, began) else data
        at = 0
        for _ in range(MOST_AT_ONCE):
            end = data.find(END, at) + len(END)
            if end < len(END):
                break
            head = data[at:end]
            known = memo.get(head) or self._read(client, head, memo)
            if known is None or not self._hit(client, head, known, began):
                break
            at = end
            if at == len(data) or client.is_paused:
                break
        return data[at:]

    def _hit(self, client: Client, head: bytes, known: KnownHead, began: float) -> bool:
        """Answer one request; False when it is not for the fast lane."""
        shelf = self._ram.get(known.key)
        if shelf is None:
            return False
        ready = shelf.rendered.get(known.name) or self._prepare(client, head, known, shelf)
        if not isinstance(ready, Ready):
            return False
        now = self._tier.now()
        # As current_age and decide_reuse have it: response_time is never later than now here, GREATEST never reached.
        age = ready.initial_age + (now - ready.response_time)
        left = ready.lifetime - age
        if left <= 0 or now < ready.response_time or age > GREATEST:
            return False
        if not self._is_good(ready, known):
            return False
        if int(age) != ready.age or int(left) != ready.ttl:
            ready.tell(int(age), int(left))
        transport = client.transport
        if transport is None:
            return False
        if ready.sent > JOINED:
            transport.writelines((ready.head, ready.body))
        else:
            transport.write(ready.head + ready.body if ready.sent else ready.head)
        if ready.wished:
            self._forms.wished(ready.stored, ready.wished)
        elif ready.counted is not None:
            self._forms.given(ready.stored, ready.counted)
        peer = client.peer
        if known.forwarded_for is not None:
            peer = self._peers.client(peer, known.forwarded_for)
        self._tally.add(known, ready, peer, began)
        return True

    def _is_good(self, ready: Ready, known: KnownHead) -> bool:
        """Whether no order, no invalidation and no tier that asks says anything against an answer, as of now."""
        purges = self._purges
        if ready.changes != purges.changes:
            if purges.standing(ready.stored) is not Standing.GOOD:
                return False
            ready.changes = purges.changes
        if self._is_marked(ready.slots, ready.since):
            return False
        return known.mark is None or known.mark <= purges.mark

    def _read(self, client: Client, octets: bytes, memo: HeadMemo) -> KnownHead | None:
        """Read a head that is not known; None when it is not for the fast lane."""
        plain = read_plain_head(octets) if len(octets) <= self._serve.head_size else None
        request = plain_request(plain, client.peer, self._peers, self._serve) if plain is not None else None
        if plain is None or request is None:
            return None
        if "cdn-loop" in plain.values and is_loop(request.fields, self._tier.identity):
            return None
        policy = policy_for(self._tier.settings.sites, request.authority, request.target)
        if policy.bypass:
            return None
        text = plain.values.get("edgeward-purge-mark") if self._tier.wiring.trusts_peers else None
        known = KnownHead(
            plain.method,
            request.uri,
            cache_key(request, policy).key,
            plain.values.get("x-forwarded-for") if client.is_trusted else None,
            read_mark(text) if text else None,
        )
        shelf = self._ram.peek(known.key)
        if shelf is not None:
            known.name = self._name(plain, request, shelf)
        memo.put(octets, known)
        return known

    def _name(self, plain: PlainHead, request: RequestHead, shelf: Shelf) -> Name:
        sites = self._tier.settings.sites
        policy = policy_for(sites, request.authority, request.target)
        site = next((number for number, one in enumerate(sites) if one is policy), None)
        return name_of(plain.method, site, plain.values, varying_names(shelf.candidates))

    def _prepare(self, client: Client, octets: bytes, known: KnownHead, shelf: Shelf) -> object:
        """Make an answer ready, and keep it beside what it was made from."""
        plain = read_plain_head(octets)
        request = plain_request(plain, client.peer, self._peers, self._serve) if plain is not None else None
        if plain is None or request is None:
            return None
        tier = self._tier
        known.name = name = self._name(plain, request, shelf)
        ready = shelf.rendered.get(name)
        if ready is not None:
            return ready
        policy = policy_for(tier.settings.sites, request.authority, request.target)
        candidates = [tier.candidate(one) for one in shelf.candidates]
        context = Context(tier.identity, not tier.wiring.trusts_peers, tier.settings.coding, tier.now())
        made = make_ready(request, name, candidates, policy, known.key, context, codes=tier.wiring.codes)
        if made is None:
            if all(one.standing is Standing.GOOD for one in candidates):
                self._ram.put_rendered(known.key, shelf, name, UNREADY, 0)
            return None
        ready, composed = made
        if composed.spans and plain.method == "GET":
            body = shelf.bodies.get(composed.form.body_id)
            if body is None:
                return None
            first, end = composed.spans[0]
            ready.body = body if end - first == len(body) else memoryview(body)[first:end]
            ready.sent = end - first
        ready.counted = composed.form if self._forms.counts(composed.form) else None
        ready.slots = tier.invalidations.slots(invalidation_names(ready.stored))
        return ready if self._ram.put_rendered(known.key, shelf, name, ready, len(ready.head)) else None
