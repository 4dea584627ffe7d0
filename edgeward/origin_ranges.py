"""Which part of an object a request of the sample origin asks for (RFC 9110 §14). One range; several get the whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate

_RANGE = re.compile(r"bytes=[ \t]*(\d*)-(\d*)[ \t]*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """Octets [first, end). `ranged` when a range chose them; `first` is -1 when the range cannot be satisfied."""

    first: int
    end: int
    ranged: bool = False


def requested_part(fields: Mapping[str, str], size: int, etag: str | None, modified: float | None) -> Part:
    """The part that Range and If-Range ask for; the whole where they ask for nothing that is understood."""
    whole = Part(0, size)
    match = _RANGE.fullmatch(fields.get("Range", ""))
    if match is None or not (match[1] or match[2]) or len(match[0]) > 60:
        return whole
    if_range = fields.get("If-Range")
    validators = (etag, formatdate(modified, usegmt=True) if modified is not None else None)
    if if_range is not None and if_range not in validators:
        return whole
    if not match[1]:
        first, end = max(0, size - int(match[2])), size
        return Part(first, end, ranged=True) if first < size else Part(-1, -1)
    first, end = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
    if match[2] and int(match[2]) < first:
        return whole
    return Part(first, end, ranged=True) if first < size else Part(-1, -1)
