"""Why an answer was a hit or a miss, in plain sentences, from what each tier said in Cache-Status (RFC 9211)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from httpcache.rules.decisions import ForwardReason, NotStoredReason, Standing


class Member(Protocol):
    """What one cache said: the parameters of its member of Cache-Status."""

    @property
    def name(self) -> str: ...
    @property
    def hit(self) -> bool: ...
    @property
    def fwd(self) -> str | None: ...
    @property
    def fwd_status(self) -> int | None: ...
    @property
    def ttl(self) -> int | None: ...
    @property
    def stored(self) -> bool: ...
    @property
    def collapsed(self) -> bool: ...
    @property
    def detail(self) -> str: ...


@dataclass(frozen=True, slots=True)
class TierStory:
    """What one tier did, as sentences. `earlier` tells that it was not for this request, but for the one stored."""

    name: str
    sentences: tuple[str, ...]
    earlier: bool = False


FORWARDED = {
    ForwardReason.BYPASS: "A miss: for this request the store is not used, by settings or because it carries content.",
    ForwardReason.METHOD: "A miss: only GET and HEAD are answered from the store.",
    ForwardReason.URI_MISS: "A miss: nothing was stored for this URL.",
    ForwardReason.VARY_MISS: "A miss: this URL is stored, but for other values of the request fields that Vary names.",
    ForwardReason.MISS: "A miss: nothing that was stored could answer this request.",
    ForwardReason.REQUEST: "A miss: a response was stored, but the request asked not to be answered with it as it is.",
    ForwardReason.STALE: "A miss: what was stored was no longer fresh.",
    ForwardReason.PARTIAL: "A miss: only a part of what was asked for was stored.",
}

NOT_STORED = {
    NotStoredReason.METHOD: "It was not stored: the answer to such a method is not.",
    NotStoredReason.STATUS: "It was not stored: its status is not one to store without an explicit lifetime.",
    NotStoredReason.NO_STORE: "It was not stored: the origin says no-store.",
    NotStoredReason.REQUEST_NO_STORE: "It was not stored: the request says no-store.",
    NotStoredReason.PRIVATE: "It was not stored: the origin says private, for one user's own cache only.",
    NotStoredReason.AUTHORIZATION: "It was not stored: the request had Authorization, and the origin does not allow to "
    "share the answer (public, s-maxage or must-revalidate would).",
    NotStoredReason.NO_FRESHNESS_NOR_VALIDATOR: "It was not stored: it has no lifetime (max-age, Expires) and "
    "nothing to validate it by (ETag, Last-Modified).",
    NotStoredReason.SET_COOKIE: "It was not stored: it sets a cookie.",
    NotStoredReason.VARY_STAR: "It was not stored: Vary: * says that no other request gets the same.",
    NotStoredReason.PARTIAL: "It was not stored: it is a part that cannot be put to what is stored.",
    NotStoredReason.BYPASS: "It was not stored: the settings say to leave the store out here.",
    NotStoredReason.TOO_LARGE: (
        "It was not stored: it is larger than the settings allow (store.largest, store.arriving)."
    ),
    NotStoredReason.NO_ROOM: "It was not stored: other large bodies are on their way to disk (store.arriving).",
    NotStoredReason.NO_STRONG_VALIDATOR: (
        "It was not stored: only a range was asked for, and without a strong ETag ranges cannot be put together."
    ),
    NotStoredReason.INCOMPLETE: "It was not stored: it did not come whole.",
    NotStoredReason.TOO_MANY_VARIANTS: "It was not stored: the settings allow no more variants of this URL.",
}

STOOD = {
    Standing.GOOD: "",
    Standing.SOFT: "What was stored has been purged softly: it must be validated first.",
    Standing.INVALID: "What was stored was invalidated by a request that changed it.",
    Standing.TOLERATED: "The purge log has been out of reach for too long: what was stored was given all the same, "
    "as purge.when_cut_off says.",
    Standing.CUT_OFF: "The purge log has been out of reach for too long: nothing is reused without validation.",
    Standing.UNPROVEN: "A purge order may have been missed since it was stored: it must be validated first.",
    Standing.GONE: "What was stored has been purged.",
}

OTHER = {
    "min-ttl": "Its lifetime is the least that the settings allow (min_ttl).",
    "max-ttl": "Its lifetime is the greatest that the settings allow (max_ttl).",
    "status-ttl": "Its lifetime is what the settings give to this status (status_ttl).",
    "default-ttl": "Its lifetime is the settings' own, as the origin gives none (default_ttl).",
    "heuristic": "The origin gives no lifetime: it was guessed from Last-Modified.",
    "no-cache": "The request, or what is stored, says that it must be validated before it is used (no-cache).",
    "immutable": "The request asked for a validation, but the origin says that none is needed (immutable).",
    "max-stale": "The request allows a stale answer (max-stale).",
    "stale-while-revalidate": "It is being validated meanwhile, as the origin allows (stale-while-revalidate).",
    "stale-if-error": "The next hop failed, and the origin allows a stale answer then (stale-if-error).",
    "connection-refused": "The next hop could not be connected to.",
    "connection-timeout": "The next hop did not accept a connection in time (fetch.connect_timeout).",
    "connection-read-timeout": "The next hop fell silent (fetch.between_bytes_timeout).",
    "http-response-timeout": "The next hop did not answer in time (fetch.first_byte_timeout).",
    "http-response-incomplete": "The next hop broke off.",
    "dns-error": "The name of the next hop was not found.",
    "tls-certificate-error": "The certificate of the next hop was not accepted.",
    "destination-not-found": "No origin is set for this host (origin, origins).",
    "only-if-cached": "The request wanted only what is stored (only-if-cached), and nothing stored could answer it.",
    "loop": "The request had been through this tier before: a loop, which is refused.",
}

DETAILS: dict[str, str] = {
    str(token): text for table in (NOT_STORED, STOOD) for token, text in table.items()
} | OTHER


def explain(members: Sequence[Member]) -> list[TierStory]:
    """What each tier did, nearest the client first; `members` as in the field, nearest the origin first."""
    stories: list[TierStory] = []
    earlier = False
    for member in reversed(members):
        stories.append(TierStory(member.name, tuple(_sentences(member)), earlier))
        earlier = earlier or member.hit or member.collapsed
    return stories


GENERAL: dict[str, str] = {str(token): text for token, text in FORWARDED.items()}

CAUSES = frozenset(
    standing for standing, text in STOOD.items() if text and standing is not Standing.TOLERATED
)
"""Why what is stored was not used, from outside of HTTP: told in the place of a general reason."""


def _sentences(member: Member) -> list[str]:
    said = [_answered(member)] if member.hit else _forwarded(member)
    detail = detail_sentence(member.detail)
    if detail and not _is_cause(member):
        said.append(detail)
    if member.hit or not member.stored:
        return said
    return [
        *said,
        "The answer was stored."
        if member.ttl is None
        else f"The answer was stored; {_lifetime(member.ttl)}.",
    ]


def _answered(member: Member) -> str:
    if member.ttl is None:
        return "A hit: answered from its store."
    if member.ttl < 0:
        return f"A hit, but stale: answered from its store {duration(-member.ttl)} after the end of its lifetime."
    return f"A hit: answered from its store; {_lifetime(member.ttl)}."


def _lifetime(ttl: int) -> str:
    return (
        f"it remains fresh for {duration(ttl)}"
        if ttl > 0
        else "it is not fresh any more, and has to be validated"
    )


def _forwarded(member: Member) -> list[str]:
    if member.fwd is None:
        return ["It did not say whether it was a hit."]
    said = [_cause(member)]
    if member.collapsed:
        said.append("The request waited for a fetch that another request had begun, and shares its answer.")
    elif member.fwd_status == 304:
        said.append("The next hop said that what is stored is still good (304), so no body was sent.")
    elif member.fwd_status is not None:
        said.append(f"The next hop was asked, and answered {member.fwd_status}.")
    else:
        said.append("The next hop was asked.")
    return said


def _is_cause(member: Member) -> bool:
    return not member.hit and member.fwd is not None and member.detail in CAUSES


def _cause(member: Member) -> str:
    if _is_cause(member):
        text = DETAILS[member.detail]
        return f"A miss: {text[0].lower()}{text[1:]}"
    return GENERAL.get(member.fwd or "", f"A miss: {member.fwd}.")


def detail_sentence(detail: str) -> str:
    """A detail token as a sentence; tokens that are not known are quoted."""
    if not detail:
        return ""
    return DETAILS.get(detail, f"Detail: {detail}.")


def duration(seconds: int) -> str:
    """Seconds in words, in one or two units."""
    parts = []
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return " and ".join(parts[:2]) or "less than a second"
