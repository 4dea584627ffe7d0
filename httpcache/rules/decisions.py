"""Every decision the rules can take, with its reason. Read this first; the transaction obeys these and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from httpcache.messages import Fields, Line, Span, StoredResponse


class ForwardReason(StrEnum):
    """Why a request went forward: the `fwd` tokens of Cache-Status (RFC 9211 §2.2)."""

    BYPASS = "bypass"
    METHOD = "method"
    URI_MISS = "uri-miss"
    VARY_MISS = "vary-miss"
    MISS = "miss"
    REQUEST = "request"
    STALE = "stale"
    PARTIAL = "partial"


class Standing(StrEnum):
    """What purge orders and invalidations say of a stored response, before any rule of freshness; the mildest first.

    TOLERATED and CUT_OFF are what is not purged as far as is known, while the purge log has not been heard for longer
    than the limit, by `purge.when_cut_off`; UNPROVEN is what may be covered by an order that has been missed.
    """

    GOOD = "good"
    TOLERATED = "purge-log-silent-tolerated"
    SOFT = "soft-purged"
    INVALID = "invalidated"
    CUT_OFF = "purge-log-silent"
    UNPROVEN = "purge-log-lost"
    GONE = "purged"

    def or_worse(self, other: Standing) -> Standing:
        """The worse of both."""
        return max(self, other, key=list(Standing).index)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored response with the right cache key (RFC 9111 §4), and where it stands."""

    stored: StoredResponse
    standing: Standing = Standing.GOOD


@dataclass(frozen=True, slots=True)
class Reuse:
    """Answer from the store (RFC 9111 §4). `age` and `ttl` are whole seconds; `ttl` is negative when stale."""

    stored: StoredResponse
    age: int
    ttl: int
    refresh: bool = False
    """Stale-while-revalidate: answer now, validate after (RFC 5861 §3)."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Validate:
    """Ask the next hop whether one of `stored` is still good (RFC 9111 §4.3); the first is the one selected."""

    stored: tuple[StoredResponse, ...]
    reason: ForwardReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Forward:
    """Nothing stored can answer: send the request to the next hop."""

    reason: ForwardReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class GatewayTimeout:
    """The client wants only what is stored, and nothing stored can answer: 504 (RFC 9111 §5.2.1.7)."""

    detail: str = "only-if-cached"


ReuseDecision = Reuse | Validate | Forward | GatewayTimeout


class NotStoredReason(StrEnum):
    """Why a response was not stored: the `detail` that clients and operators read."""

    METHOD = "method"
    STATUS = "status"
    NO_STORE = "no-store"
    REQUEST_NO_STORE = "request-no-store"
    PRIVATE = "private"
    AUTHORIZATION = "authorization"
    NO_FRESHNESS_NOR_VALIDATOR = "no-freshness-nor-validator"
    SET_COOKIE = "set-cookie"
    VARY_STAR = "vary-star"
    PARTIAL = "partial"
    BYPASS = "bypass"
    TOO_LARGE = "too-large"
    NO_ROOM = "no-room"
    INCOMPLETE = "incomplete"
    TOO_MANY_VARIANTS = "too-many-variants"
    NO_STRONG_VALIDATOR = "no-strong-validator"


@dataclass(frozen=True, slots=True)
class Store:
    """Store the response with these fields (RFC 9111 §3.1)."""

    fields: Fields
    selecting: tuple[tuple[str, str | None], ...] = ()
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    unshared: tuple[Line, ...] = ()
    """Field lines that are not stored: for the client alone whose request brought the response (RFC 9111 §5.2.2.7)."""


@dataclass(frozen=True, slots=True)
class DoNotStore:
    """Do not store the response, and why."""

    reason: NotStoredReason


StoringDecision = Store | DoNotStore


@dataclass(frozen=True, slots=True)
class StorePart:
    """Store a 206 as an incomplete 200 (RFC 9111 §3.3): which octets it carries, of how many in bytes."""

    store: Store
    span: Span
    length: int


PartDecision = StorePart | DoNotStore


@dataclass(frozen=True, slots=True)
class Freshened:
    """The next hop said 304: these stored responses are updated; the first answers (RFC 9111 §4.3.4)."""

    stored: tuple[StoredResponse, ...]
    unshared: tuple[Line, ...] = ()
    """Field lines of the 304 that are for the client alone whose request brought it."""


@dataclass(frozen=True, slots=True)
class UseFull:
    """A full response came instead of a 304: use it, and store it when storing allows."""


@dataclass(frozen=True, slots=True)
class ServeStale:
    """The next hop failed and stale is allowed: answer with the stored response (RFC 9111 §4.2.4, RFC 5861 §4)."""

    reuse: Reuse


@dataclass(frozen=True, slots=True)
class PassFailure:
    """The next hop failed and stale is not allowed: pass its failure on."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """A 304 that selects nothing stored: ask once more without conditions."""


ValidationOutcome = Freshened | UseFull | ServeStale | PassFailure | AskAgain


@dataclass(frozen=True, slots=True)
class Refusal:
    """The request goes no further: the status it gets, and a token that says why."""

    status: int
    detail: str


class Served(StrEnum):
    """How an answer came about: what metrics and the access log count."""

    HIT = "hit"
    STALE = "stale"
    REVALIDATED = "revalidated"
    COLLAPSED = "collapsed"
    MISS = "miss"
    BYPASS = "bypass"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Handling:
    """What happened to one request in this tier: the single source of Cache-Status, access log and explain."""

    served: Served
    hit: bool = False
    fwd: ForwardReason | None = None
    fwd_status: int | None = None
    stored: bool = False
    collapsed: bool = False
    ttl: int | None = None
    key: str = ""
    detail: str = field(default="")
