"""Entity tags of forms made here, and the tags that they stand for at the next hop (RFC 9110 §8.8.3.3, §13.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from httpcache.messages import RequestHead, ResponseHead, StoredResponse
from httpcache.rules.content_coding import MADE_HERE, varying_by_coding
from httpcache.rules.fields import EntityTag, parse_entity_tag, parse_entity_tags

MADE = ("br", "br2", "gzip", "zstd", "identity")
"""What the tags of forms made here end with: the coding, and the edition where there are two."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """A request whose conditions name what the next hop knows; `made` has what they named, by the new opaque part."""

    request: RequestHead
    made: Mapping[str, str]


def names_a_form(request: RequestHead) -> bool:
    """Whether a condition names what may be a tag of a form made here."""
    values = (request.fields.get(name) for name in ("if-match", "if-none-match", "if-range"))
    return any(f'{MADE_HERE}{one}"' in value for value in values if value for one in MADE)


def as_received(request: RequestHead, stored: Iterable[StoredResponse]) -> Renamed:
    """The request with each tag made here replaced by that of what it was made of; others stay as they are.

    So do tags of `stored`: an origin behind another cache of this kind gives out such tags, too.
    A form made here stands for the very edition of the representation that it was made of, so it is what If-Match
    means. A part of it is not to be had elsewhere, though: a range of it is asked for whole.
    """
    own = {tag.opaque for one in stored if (tag := parse_entity_tag(one.fields.get("etag"))) is not None}

    def received(opaque: str) -> str:
        before, mark, ending = opaque.rpartition(MADE_HERE)
        return before if mark and ending in MADE and opaque not in own else opaque

    made: dict[str, str] = {}
    fields, has_renamed = request.fields, False
    for name in ("If-Match", "If-None-Match"):
        value = fields.get(name.lower())
        tags = (parse_entity_tags(value) or ()) if value else ()
        renamed = [EntityTag(tag.weak, received(tag.opaque)) for tag in tags]
        if list(tags) == renamed:
            continue
        has_renamed = True
        fields = fields.replacing(name, ", ".join(dict.fromkeys(map(str, renamed))))
        if name == "If-None-Match":
            named = {tag.opaque for tag in tags}
            made = {
                new.opaque: str(old)
                for old, new in zip(tags, renamed, strict=True)
                if new != old and new.opaque not in named
            }
    part = parse_entity_tag(fields.get("if-range"))
    if has_renamed or (part is not None and received(part.opaque) != part.opaque):
        fields = fields.without({"range", "if-range"})
    return Renamed(replace(request, fields=fields), made)


def as_named(head: ResponseHead, made: Mapping[str, str]) -> ResponseHead:
    """A 304 with the tag that its client named, so that the client can tell what is still good (RFC 9111 §4.3.4)."""
    tag = parse_entity_tag(head.fields.get("etag"))
    named = made.get(tag.opaque) if tag is not None else None
    if head.status != 304 or named is None:
        return head
    return replace(head, fields=varying_by_coding(head.fields.replacing("ETag", named)))
