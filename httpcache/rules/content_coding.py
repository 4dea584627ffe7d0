"""Content codings (RFC 9110 §8.4, §12.5.3): which form a client gets, and which forms are worth making."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from httpcache.messages import Fields, Form, RequestHead, ResponseHead, StoredResponse
from httpcache.rules.cache_control import parse_request_directives, response_directives
from httpcache.rules.fields import EntityTag, parse_entity_tag, parse_quality_list, split_list
from httpcache.rules.partial import is_partial
from httpcache.rules.targeted import effective_directives
from httpcache.settings import CodingSettings

MADE_HERE = "~ew-"
"""What stands in the tag of a form made here between the tag of what it was made of and the coding."""

_ALIASES = {"x-gzip": "gzip"}
_LEAST = 0.0005
"""The weight of identity where a list does not name it: acceptable, after all that is named (least there: 0.001)."""

DECODABLE = frozenset(("br", "gzip", "zstd"))
"""Codings that can be undone here."""

OF_ONE_FORM = frozenset(
    ("content-length", "content-encoding", "accept-ranges", "content-md5", "digest", "content-digest", "repr-digest")
)  # fmt: skip
"""Fields that tell of the octets of one form, and are false of another (RFC 9110 §8, RFC 9530)."""


@lru_cache(4096)
def weight(accept_encoding: str | None, coding: str) -> float:
    """The weight of a coding ("identity" is none) in Accept-Encoding, 0 when it is not acceptable (§12.5.3).

    Without the field any coding would be acceptable; identity is what such a client surely reads.
    """
    if accept_encoding is None:
        return 1.0 if coding == "identity" else 0.0
    weights: dict[str, float] = {}
    for name, q in parse_quality_list(accept_encoding):
        weights.setdefault(_ALIASES.get(name, name), q)
    if coding in weights:
        return weights[coding]
    if "*" in weights:
        return weights["*"]
    if coding != "identity":
        return 0.0
    return _LEAST if weights else 1.0


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


def wanted_coding(accept_encoding: str | None, settings: CodingSettings) -> str:
    """The coding made here that a client would get if every one of them were there, "" for none."""
    return choose_coding(accept_encoding, settings.codings)


def may_code(stored: StoredResponse, settings: CodingSettings) -> bool:
    """Whether coded forms of a stored response may be made and are worth it: it must be a 200 that is held whole."""
    return _is_for_coding(stored, settings) and stored.forms[0].is_complete


def has_codings(stored: StoredResponse, settings: CodingSettings) -> bool:
    """Whether clients get forms of different codings of a response, once it is held whole and they are made.

    So its Vary must name Accept-Encoding from the first answer on, also while its length is not yet known.
    """
    return _is_decodable(stored.head, settings) or _is_for_coding(stored, settings)


def _is_for_coding(stored: StoredResponse, settings: CodingSettings) -> bool:
    if stored.status != 200 or not stored.forms or not is_codable(stored.fields, settings):
        return False
    length = stored.forms[0].length
    return length is None or settings.smallest <= length <= settings.largest or len(stored.forms) > 1


def is_codable(fields: Fields, settings: CodingSettings) -> bool:
    """Whether content with these fields is of a type that is coded, is not coded yet, and may be transformed."""
    if "content-encoding" in fields or not settings.codings or not _may_transform(fields):
        return False
    media_type = (fields.get("content-type") or "").partition(";")[0].strip().lower()
    return bool(media_type) and _is_of_type(media_type, settings.types)


def _may_transform(fields: Fields) -> bool:
    """no-transform (RFC 9110 §7.7) holds in Cache-Control, which speaks to all, and in a targeted field, to us."""
    if "content-range" in fields or response_directives(fields.get("cache-control") or "").no_transform:
        return False
    return not effective_directives(fields).directives.no_transform


def received_coding(fields: Fields) -> str:
    """The coding that content came in, where it is one alone that can be undone here; else ""."""
    names = split_list(fields.get("content-encoding") or "")
    if len(names) != 1:
        return ""
    name = names[0].lower()
    name = _ALIASES.get(name, name)
    return name if name in DECODABLE else ""


def may_decode(stored: StoredResponse, settings: CodingSettings) -> bool:
    """Whether content that came coded may be decoded for those who cannot read it: a 200 that is, or will be, whole."""
    return bool(stored.forms) and not is_partial(stored) and _is_decodable(stored.head, settings)


def _is_decodable(head: ResponseHead, settings: CodingSettings) -> bool:
    if not settings.decodes or head.status != 200 or not received_coding(head.fields):
        return False
    return _may_transform(head.fields)


def is_unread(request: RequestHead, head: ResponseHead, settings: CodingSettings) -> bool:
    """Whether a client cannot read content as it came, though it could if that were decoded: a 200, or a 206 of one."""
    whole = ResponseHead(200 if head.status == 206 else head.status, head.fields.without({"content-range"}))
    if not _is_decodable(whole, settings) or parse_request_directives(request.fields).no_transform:
        return False
    accepts = request.fields.get("accept-encoding")
    return not weight(accepts, received_coding(head.fields)) and weight(accepts, "identity") > 0


def passed_varying(head: ResponseHead, settings: CodingSettings) -> ResponseHead:
    """The head of a response that is passed on as it came, though other clients get it decoded (§12.5.5)."""
    return replace(head, fields=varying_by_coding(head.fields)) if _is_decodable(head, settings) else head


def passed_decoded(head: ResponseHead) -> ResponseHead:
    """The head of a response that is passed on decoded. It has no tag: nobody here would know it again."""
    decoded = coded_head(head, "identity")
    return replace(decoded, fields=decoded.fields.without({"etag"}))


def choose_form(accept_encoding: str | None, stored: StoredResponse, settings: CodingSettings) -> Form:
    """The form of a response with several that a client reads best.

    Where the client can read none that is stored, it is one that is coded or decoded while it is sent.
    """
    received = stored.forms[0]
    if not may_decode(stored, settings):
        made = [one for one in settings.codings if stored.form(one) is not None]
        form = stored.form(choose_coding(accept_encoding, made)) or received
        if form is not received or weight(accept_encoding, "identity"):
            return form
        coding = wanted_coding(accept_encoding, settings)
        return Form(coding, "", None) if coding and not is_partial(stored) else received
    if weight(accept_encoding, received_coding(stored.fields)) or not weight(accept_encoding, "identity"):
        return received
    return stored.form("identity") or Form("identity", "", None)


def coding_to_make(accept_encoding: str | None, stored: StoredResponse, settings: CodingSettings) -> str:
    """The form this client would get if it were made, by its coding; "" when there is none to make."""
    if may_decode(stored, settings) and stored.forms[0].is_complete:
        is_worth_it = (stored.forms[0].length or 0) <= settings.largest
        return (
            "identity" if is_worth_it and not choose_form(accept_encoding, stored, settings).body_id else ""
        )
    if not may_code(stored, settings):
        return ""
    wanted = wanted_coding(accept_encoding, settings)
    return wanted if wanted and stored.form(wanted) is None else ""


@lru_cache(1024)
def _is_of_type(media_type: str, types: tuple[str, ...]) -> bool:
    return any(_pattern(one).fullmatch(media_type) for one in types)


@lru_cache(256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(r"[^\s,;]*".join(map(re.escape, text.lower().split("*"))))


def form_head(head: ResponseHead, form: Form) -> ResponseHead:
    """The head of one form of a response that has several."""
    if form.coding:
        return coded_head(head, form.coding, form.edition)
    return ResponseHead(head.status, varying_by_coding(head.fields), head.reason)


def coded_head(head: ResponseHead, coding: str, edition: int = 0) -> ResponseHead:
    """The head of a form made here: its own entity tag, Content-Encoding, and Vary (RFC 9110 §8.8.3.3).

    A weak tag stays weak; a text that is no tag goes, for it would be told of two forms. No Content-Length yet.
    """
    fields = head.fields.without(OF_ONE_FORM)
    tag = parse_entity_tag(fields.get("etag"))
    if tag is not None:
        made = EntityTag(tag.weak, made_tag(tag.opaque, f"{coding}{edition + 1 if edition else ''}"))
        fields = fields.replacing("ETag", str(made))
    elif "etag" in fields:
        fields = fields.without({"etag"})
    if coding != "identity":
        fields = fields.adding(("Content-Encoding", coding))
    return ResponseHead(head.status, varying_by_coding(fields), head.reason)


def made_tag(opaque: str, ending: str) -> str:
    """The tag of a form made here: that of what it was made of, its coding, and the edition if it is a second.

    No origin gives out such a tag, so it can be told by itself what it stands for.
    """
    return f"{opaque}{MADE_HERE}{ending}"


def varying_by_coding(fields: Fields) -> Fields:
    """Fields whose Vary names Accept-Encoding, as those of every form of a response with coded forms must."""
    names = [name.lower() for name in split_list(fields.get("vary") or "")]
    if "accept-encoding" in names or "*" in names:
        return fields
    return fields.adding(("Vary", "Accept-Encoding"))
