"""Answers made ready: what the transaction would answer, whole, for as long as only Age and ttl change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from http import HTTPStatus

from httpcache.messages import Fields, Line, RequestHead, ResponseHead, StoredResponse
from httpcache.rules import answers
from httpcache.rules.cache_control import parse_request_directives
from httpcache.rules.content_coding import coding_to_make
from httpcache.rules.decisions import Candidate, Reuse, Standing
from httpcache.rules.freshness import lifetime_of
from httpcache.rules.partial import is_partial
from httpcache.rules.reuse import decide_reuse
from httpcache.serve.hits import Ready
from httpcache.serve.lane_parts import Name
from httpcache.settings import SitePolicy

SELECTING = (
    "accept-encoding", "cache-control", "if-modified-since", "if-none-match", "if-range", "pragma", "range"
)  # fmt: skip
"""Fields of a plain head that may change its answer, beside those that Vary names and those of the cache key."""

ABSENT = frozenset(("if-match", "if-unmodified-since"))
"""Fields that the rules ask for, and that no plain head has."""

ANY = "*"
"""Stands for every field, where somebody asks for all of them."""

_PLAIN = re.compile(r"HTTP/1\.1 [\t -~]*\r\n(?:[!-~]+: [\t -~]*\r\n)+\r\n")
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Noting(Fields):
    """Fields that note which of them are asked for: no list has to be kept of what the rules look at."""

    __slots__ = ("asked",)

    def __init__(self, lines: Iterable[Line]) -> None:
        super().__init__(lines)
        self.asked: set[str] = set()

    def get(self, name: str) -> str | None:
        """See Fields."""
        self.asked.add(name)
        return super().get(name)

    def all(self, name: str) -> tuple[str, ...]:
        """See Fields."""
        self.asked.add(name)
        return super().all(name)

    def __contains__(self, name: str) -> bool:
        self.asked.add(name)
        return super().__contains__(name)

    def names(self) -> frozenset[str]:
        """See Fields. Who asks for the names has asked for all of them."""
        self.asked.add(ANY)
        return super().names()

    def __iter__(self) -> Iterator[Line]:
        self.asked.add(ANY)
        return super().__iter__()

    def without(self, names: AbstractSet[str]) -> Fields:
        """See Fields."""
        self.asked.add(ANY)
        return super().without(names)


def varying_names(candidates: Sequence[StoredResponse]) -> tuple[str, ...]:
    """The request fields that select between these, sorted."""
    return tuple(sorted({name for one in candidates for name, _ in one.selecting}))


def name_of(method: str, site: int | None, values: Mapping[str, str], varying: tuple[str, ...]) -> Name:
    """What of a plain head selects its answer: requests of one cache key with the same name get the same one."""
    get = values.get
    return (method, site, varying, *(get(name) for name in SELECTING), *(get(name) for name in varying))


def make_ready(
    request: RequestHead,
    candidates: Sequence[Candidate],
    policy: SitePolicy,
    key: str,
    context: answers.Context,
    *,
    codes: bool,
) -> tuple[Ready, answers.Composed] | None:
    """The answer as the transaction would compose it; None where it is not one that stands.

    `codes` is whether coded forms are made here: the one that this client wants is noted while it is to be made.
    """
    noting = Noting(request.fields)
    request = replace(request, fields=noting)
    decision = decide_reuse(request, candidates, context.now, policy)
    if not isinstance(decision, Reuse) or not _stands(request, decision, candidates):
        return None
    stored = decision.stored
    handling = answers.reused_handling(decision, key)
    composed = answers.compose(request, stored, decision.age, handling, context, lambda: "")
    if (
        composed.length is None
        or not composed.form.body_id
        or composed.parts
        or composed.head.status not in (stored.status, 206, 304)
    ):
        return None
    if not noting.asked <= ABSENT.union(SELECTING, varying_names([one.stored for one in candidates])):
        return None
    ready = Ready(stored, composed.head.status, handling.detail)
    ready.lifetime = lifetime_of(stored, policy).seconds
    if codes:
        ready.wished = coding_to_make(request.fields.get("accept-encoding"), stored, context.coding)
    ready.age, ready.ttl = decision.age, decision.ttl
    return (ready, composed) if _render(ready, composed.head) else None


def _stands(request: RequestHead, reuse: Reuse, candidates: Sequence[Candidate]) -> bool:
    """Whether the decision holds for as long as the response is fresh and good."""
    directives = parse_request_directives(request.fields)
    if not (directives.max_age is directives.max_stale is directives.min_fresh is None):
        return False
    standing = next(one.standing for one in candidates if one.stored is reuse.stored)
    return standing is Standing.GOOD and reuse.ttl >= 0 and not reuse.refresh and not is_partial(reuse.stored)


def _render(ready: Ready, head: ResponseHead) -> bool:
    """The head in octets, and where Age and ttl stand in it; False when they are not found, or it is not plain."""
    reason = head.reason or _REASONS.get(head.status, "")
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.fields)
    text = f"HTTP/1.1 {head.status} {reason}\r\n{lines}\r\n"
    age = text.find(f"\r\nAge: {ready.age}\r\n") + 7
    ttl = text.find(f";ttl={ready.ttl}", text.rfind("\r\nCache-Status: ")) + 5
    if not _PLAIN.fullmatch(text) or not 7 <= age < ttl:
        return False
    ready.head = text.encode("ascii")
    ready.between = (age, age + len(str(ready.age)), ttl, ttl + len(str(ready.ttl)))
    return True
