"""Content codings (RFC 9110 §8.4, §12.5.3): which form a client gets, and which forms are worth making."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from httpcache.messages import Fields, ResponseHead, StoredResponse
from httpcache.rules.cache_control import response_directives
from httpcache.rules.fields import parse_entity_tag, parse_quality_list, split_list
from httpcache.settings import CodingSettings

_ALIASES = {"x-gzip": "gzip"}


@lru_cache(4096)
def weight(accept_encoding: str | None, coding: str) -> float:
    """The weight of a coding ("identity" is none) in Accept-Encoding, 0 when it is not acceptable (§12.5.3)."""
    if accept_encoding is None:
        return 1.0 if coding == "identity" else 0.0
    weights = {_ALIASES.get(name, name): q for name, q in parse_quality_list(accept_encoding)}
    if coding in weights:
        return weights[coding]
    if "*" in weights:
        return weights["*"]
    return 1.0 if coding == "identity" else 0.0


def choose_coding(accept_encoding: str | None, available: Sequence[str]) -> str:
    """The form to answer with: of `available` (in our order, "" is the form as received) the one weighed most.

    The form as received is taken where nothing is acceptable: an answer serves better than 406. A coded form wins
    over identity of the same weight.
    """
    best, best_weight = "", 0.0
    for coding in available:
        if coding and (own := weight(accept_encoding, coding)) > best_weight:
            best, best_weight = coding, own
    return best if best_weight >= weight(accept_encoding, "identity") else ""


def may_code(stored: StoredResponse, settings: CodingSettings) -> bool:
    """Whether coded forms of a stored response may be made and are worth it."""
    fields, form = stored.fields, stored.forms[0] if stored.forms else None
    if stored.status != 200 or form is None or form.length is None or not settings.codings:
        return False
    return settings.smallest <= form.length <= settings.largest and is_codable(fields, settings)


def is_codable(fields: Fields, settings: CodingSettings) -> bool:
    """Whether content with these fields is of a type that is coded, is not coded yet, and may be transformed."""
    if "content-encoding" in fields or "content-range" in fields or not settings.codings:
        return False
    if response_directives(fields.get("cache-control") or "").no_transform:
        return False
    media_type = (fields.get("content-type") or "").partition(";")[0].strip().lower()
    return bool(media_type) and any(_pattern(one).fullmatch(media_type) for one in settings.types)


def coding_to_make(accept_encoding: str | None, stored: StoredResponse, settings: CodingSettings) -> str:
    """The coding this client would get if it were made, "" when there is none to make."""
    if not may_code(stored, settings):
        return ""
    wanted = choose_coding(accept_encoding, settings.codings)
    return wanted if wanted and stored.form(wanted) is None else ""


@lru_cache(256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.lower().split("*"))))


def coded_head(head: ResponseHead, coding: str) -> ResponseHead:
    """The head of a coded form: its own entity tag, Content-Encoding, and Vary (RFC 9110 §8.8.3.3)."""
    fields = head.fields.without({"content-length", "content-encoding", "accept-ranges"})
    tag = parse_entity_tag(fields.get("etag"))
    if tag is not None:
        mark = "W/" if tag.weak else ""
        fields = fields.replacing("ETag", f'{mark}"{tag.opaque}-{coding}"')
    elif "etag" in fields:
        fields = fields.without({"etag"})
    return ResponseHead(
        head.status, varying_by_coding(fields.adding(("Content-Encoding", coding))), head.reason
    )


def varying_by_coding(fields: Fields) -> Fields:
    """Fields whose Vary names Accept-Encoding, as those of every form of a response with coded forms must."""
    names = [name.lower() for name in split_list(fields.get("vary") or "")]
    if "accept-encoding" in names or "*" in names:
        return fields
    return fields.adding(("Vary", "Accept-Encoding"))
