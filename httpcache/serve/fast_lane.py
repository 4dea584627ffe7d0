"""The fast lane: answers plain requests from what stands ready in RAM, at once, and leaves every other octet alone."""

from __future__ import annotations

from collections.abc import Callable

from httpcache.messages import RequestHead
from httpcache.observe.access_log import told_answer
from httpcache.rules.answers import Context
from httpcache.rules.cache_key import cache_key, policy_for
from httpcache.rules.decisions import Standing
from httpcache.rules.forwarding import is_loop
from httpcache.serve.forms import Forms
from httpcache.serve.hits import HeadMemo, HitLane, HitTally, KnownHead
from httpcache.serve.lane_parts import Client, Name
from httpcache.serve.peers import Peers
from httpcache.serve.plain_head import PlainHead, plain_request, read_plain_head
from httpcache.serve.ready import make_ready, name_of, varying_names
from httpcache.serve.tier import Tier, invalidation_names
from httpcache.serve.transaction import read_mark
from httpcache.store.ram import Shelf

UNREADY = object()
"""Stands for the answer to requests that the transaction must see, in the place of a ready one."""

TOLD_COST = 50
"""What a text costs beside its characters, in bytes."""


class FastLane:
    """The fast lane of one worker: `answer` is what every read goes through, the rest what is read or made once."""

    def __init__(self, tier: Tier, peers: Peers, tally: HitTally, forms: Forms) -> None:
        self._tier = tier
        self._peers = peers
        self._forms = forms
        self._serve = tier.settings.serve
        self._ram = tier.store.ram
        half = self._serve.heads // 2 if peers.trusts_some else self._serve.heads
        heads = HeadMemo(half), HeadMemo(half)
        self.answer: Callable[[Client, bytes], bytes] = HitLane(self, tier, peers, tally, forms, heads).answer
        """See HitLane."""

    def trusts(self, peer: str) -> bool:
        """Whether what a peer says of its client is believed."""
        return self._peers.is_trusted(peer)

    def read_head(self, client: Client, octets: bytes, memo: HeadMemo) -> KnownHead | None:
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

    def prepare(self, client: Client, octets: bytes, known: KnownHead, shelf: Shelf) -> object:
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
        made = make_ready(request, candidates, policy, known.key, context, codes=tier.wiring.codes)
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
        ready.told, ready.told_end = told_answer(ready.status, ready.sent, ready.detail)
        cost = len(ready.head) + TOLD_COST + len(ready.told)
        return ready if self._ram.put_rendered(known.key, shelf, name, ready, cost) else None
