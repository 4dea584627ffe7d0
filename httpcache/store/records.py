"""Stored responses and segments as octets: magic, version, length, xxhash. A bad octet anywhere makes it None."""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import xxhash

from httpcache.messages import Fields, Form, PurgeMark, StoredResponse

VERSION = 3
_HEAD = struct.Struct("<4sHHQQ")
RECORD_MAGIC, SEGMENT_MAGIC = b"EWre", b"EWse"
HEAD_SIZE = _HEAD.size
"""Octets before the content of a record or a segment."""


class _Form(msgspec.Struct, array_like=True):
    coding: str
    body_id: str
    length: int | None
    held: list[tuple[int, int]]
    edition: int = 0


class _Stored(msgspec.Struct, array_like=True):
    key: bytes
    uri: bytes
    status: int
    reason: bytes
    fields: list[tuple[bytes, bytes]]
    request_time: float
    response_time: float
    selecting: list[tuple[bytes, bytes | None]]
    tags: list[bytes]
    groups: list[bytes]
    mark: tuple[int, int]
    forms: list[_Form]
    method: str


class _Named(msgspec.Struct, array_like=True):
    """A stored response of which only the forms are looked at."""

    key: msgspec.Raw
    uri: msgspec.Raw
    status: msgspec.Raw
    reason: msgspec.Raw
    fields: msgspec.Raw
    request_time: msgspec.Raw
    response_time: msgspec.Raw
    selecting: msgspec.Raw
    tags: msgspec.Raw
    groups: msgspec.Raw
    mark: msgspec.Raw
    forms: list[_Form]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[_Stored])
_naming = msgspec.msgpack.Decoder(list[_Named])


@lru_cache(64)  # one miss asks for the same a few times
def key_hash(key: str) -> str:
    """Name of everything that is stored for a cache key: 32 hexadecimal digits. Not secret: a record names its key."""
    return xxhash.xxh3_128_hexdigest(_octets(key))


@lru_cache(64)  # as above
def record_name(key: str) -> str:
    """Name of the record of a cache key; all names that begin with the same hash sort before it."""
    return f"{key_hash(key)}.h"


def segment_name(body_id: str, index: int) -> str:
    """Name of one segment of a body."""
    return f"{body_id}.{index:06d}"


def encode_record(key: str, candidates: Sequence[StoredResponse]) -> bytes:
    """The record of a cache key: its stored responses."""
    return seal(RECORD_MAGIC, record_name(key), _encoder.encode([_flat(one) for one in candidates]))


def decode_record(data: bytes, key: str) -> tuple[StoredResponse, ...] | None:
    """The stored responses of `key`; None when the octets are not what was written, or are another key's."""
    content = unseal(RECORD_MAGIC, record_name(key), data)
    try:
        candidates = () if content is None else tuple(_full(one) for one in _decoder.decode(content))
    except (msgspec.MsgspecError, ValueError):
        return None
    return candidates if candidates and all(one.key == key for one in candidates) else None


def decode_named(data: bytes, name: str) -> tuple[StoredResponse, ...] | None:
    """The stored responses of the record of that name; None when the octets are not what was written."""
    content = unseal(RECORD_MAGIC, name, data)
    try:
        return None if content is None else tuple(_full(one) for one in _decoder.decode(content))
    except (msgspec.MsgspecError, ValueError):
        return None


def bodies_named(data: bytes, name: str) -> set[str]:
    """The bodies that the record of that name names; none when the octets are not what was written."""
    content = unseal(RECORD_MAGIC, name, data)
    try:
        named = () if content is None else _naming.decode(content)
    except (msgspec.MsgspecError, ValueError):
        return set()
    return {form.body_id for one in named for form in one.forms}


def seal(magic: bytes, name: str, content: bytes) -> bytes:
    """Content behind a head that tells what it is and how to see that it is whole, and what stands under `name`."""
    return _HEAD.pack(magic, VERSION, 0, len(content), _digest(name, content)) + content


def unseal(magic: bytes, name: str, data: bytes) -> bytes | None:
    """The content that was sealed under that name, or None.

    The name counts, since one wrong octet in the database's index leads to the whole and right value of another.
    """
    if len(data) < HEAD_SIZE:
        return None
    own, version, spare, length, digest = _HEAD.unpack_from(data)
    content = data[HEAD_SIZE:]
    if (
        (own, version, spare) != (magic, VERSION, 0)
        or length != len(content)
        or digest != _digest(name, content)
    ):
        return None
    return content


def _digest(name: str, content: bytes) -> int:
    return xxhash.xxh3_64_intdigest(content, seed=xxhash.xxh3_64_intdigest(_octets(name)))


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


@lru_cache(256)  # as above, of names; any may be as large as a head
def _name(text: str) -> bytes:
    return _octets(text)


def _flat(one: StoredResponse) -> _Stored:
    return _Stored(
        _octets(one.key),
        _octets(one.uri),
        one.status,
        _octets(one.reason),
        [(_name(name), value.encode("utf-8", "surrogateescape")) for name, value in one.fields.lines],
        one.request_time,
        one.response_time,
        [(_octets(name), None if value is None else _octets(value)) for name, value in one.selecting],
        [_octets(tag) for tag in one.tags],
        [_octets(group) for group in one.groups],
        (one.mark.epoch, one.mark.n),
        [_Form(form.coding, form.body_id, form.length, list(form.held), form.edition) for form in one.forms],
        one.method,
    )


def _full(one: _Stored) -> StoredResponse:
    return StoredResponse(
        key=_text(one.key),
        uri=_text(one.uri),
        status=one.status,
        reason=sys.intern(_text(one.reason)) if len(one.reason) < 40 else _text(one.reason),
        fields=Fields((_text(name), _text(value)) for name, value in one.fields).shared(),
        request_time=one.request_time,
        response_time=one.response_time,
        selecting=tuple(
            (_text(name), None if value is None else _text(value)) for name, value in one.selecting
        ),
        tags=tuple(map(_text, one.tags)),
        groups=tuple(map(_text, one.groups)),
        mark=PurgeMark(*one.mark),
        forms=tuple(
            Form(form.coding, form.body_id, form.length, tuple(form.held), form.edition) for form in one.forms
        ),
        method=one.method,
    )
