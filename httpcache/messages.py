"""The vocabulary: heads of messages, and what is stored of a response. Frozen values, no behaviour beyond access."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from httpcache.shared_lines import shared_lines, shared_names

Octets = bytes | memoryview
"""Octets that nobody changes any more."""

Line = tuple[str, str]
"""One field line: the name as it was received, and the value without surrounding white space."""

_Index = Mapping[str, str | tuple[str, ...]]
"""Values by lower-case name. One stands as it is: most names occur once, and a tuple for each costs as much again."""


def _indexed(lines: Iterable[Line], known: _Index | None = None) -> _Index:
    """The index of further lines, behind those that are known."""
    index: dict[str, str | tuple[str, ...]] = dict(known) if known else {}
    for name, value in lines:
        shared = shared_names.get(name)
        lower = shared[1] if shared is not None else name.lower()
        before = index.get(lower)
        if before is None:
            index[lower] = value
        else:
            index[lower] = (before, value) if isinstance(before, str) else (*before, value)
    return index


class Fields:
    """Field lines in their order (RFC 9110 §5). Names compare without case; ask with lower-case names.

    Values are text; octets above ASCII are UTF-8 with surrogate escapes, so any octets survive.
    """

    __slots__ = ("_index", "lines")

    lines: Final[tuple[Line, ...]]

    def __init__(self, lines: Iterable[Line] = (), index: _Index | None = None) -> None:
        """`index`: each value by its lower-case name, where each name occurs once and somebody has that already."""
        self.lines = tuple(lines)
        self._index = index

    def _by_name(self) -> _Index:
        """Made by the first question; what is made of these lines starts from it."""
        if self._index is None:
            self._index = _indexed(self.lines)
        return self._index

    def get(self, name: str) -> str | None:
        """The combined field value (RFC 9110 §5.3), or None when there is no such line."""
        values = (self._index or self._by_name()).get(name)  # asked a hundred times for a miss
        return values if values is None or isinstance(values, str) else ", ".join(values)

    def all(self, name: str) -> tuple[str, ...]:
        """The values of each line of that name, in order."""
        values = self._by_name().get(name, ())
        return (values,) if isinstance(values, str) else values

    def names(self) -> frozenset[str]:
        """The names that occur, in lower case."""
        return frozenset(self._by_name())

    def shared(self) -> Fields:
        """These lines, with what other heads have in memory as well: for heads that stay."""
        share = shared_lines.share
        lines = tuple([share(line) for line in self.lines])
        return self if all(map(operator.is_, lines, self.lines)) else Fields(lines)

    def without(self, names: AbstractSet[str]) -> Fields:
        """These lines less those whose lower-case name is in `names`."""
        index = self._by_name()
        if names.isdisjoint(index):
            return self
        left = {name: values for name, values in index.items() if name not in names}
        return Fields([line for line in self.lines if line[0].lower() not in names], left)

    def adding(self, *lines: Line) -> Fields:
        """These lines and then `lines`."""
        return Fields(self.lines + lines, None if self._index is None else _indexed(lines, self._index))

    def replacing(self, name: str, value: str) -> Fields:
        """These lines with every line of that name dropped and one added at the end."""
        return self.without({name.lower()}).adding((name, value))

    def __contains__(self, name: str) -> bool:
        return name in (self._index or self._by_name())

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fields) and self.lines == other.lines

    def __hash__(self) -> int:
        return hash(self.lines)

    def __repr__(self) -> str:
        return f"Fields({list(self.lines)!r})"


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request without its content. `scheme`, `authority` and `target` make the target URI (RFC 9110 §7.1).

    `authority` is lower-case host with a port only where it is not the scheme's own;
    `target` is the origin form (path and query, octets as sent) or "*".
    """

    method: str
    scheme: str
    authority: str
    target: str
    fields: Fields = Fields()

    def with_fields(self, fields: Fields) -> RequestHead:
        """This head with other fields."""
        return RequestHead(self.method, self.scheme, self.authority, self.target, fields)

    @property
    def uri(self) -> str:
        """The target URI."""
        return f"{self.scheme}://{self.authority}{self.target}"


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """A response without its content."""

    status: int
    fields: Fields = Fields()
    reason: str = ""

    def with_fields(self, fields: Fields) -> ResponseHead:
        """This head with other fields."""
        return ResponseHead(self.status, fields, self.reason)


@dataclass(frozen=True, slots=True, order=True)
class PurgeMark:
    """How far in which purge log a tier was when a fetch began. (0, 0) is before any order."""

    epoch: int = 0
    n: int = 0


Span = tuple[int, int]
"""A run of octets of a body: first, and one past the last."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a stored response's content: as it was received, or coded here once and kept beside it.

    `coding` is "" as received, "br", "zstd" or "gzip" where coded here, "identity" where decoded here.
    `edition` is 0 as first made, 1 once made anew, smaller: other octets of the same. `body_id` names its segments
    in the stores, "" where it is not stored but made as it is sent.
    `length` is the complete length in bytes, None while unknown; `held` the sorted, disjoint spans that are kept.
    """

    coding: str
    body_id: str
    length: int | None
    held: tuple[Span, ...] = ()
    edition: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether every octet is kept."""
        return self.length is not None and (self.length == 0 or self.held == ((0, self.length),))


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A stored response (RFC 9111 §3) without its content; times are Unix seconds.

    `key` is the cache key; `uri` the target URI less its scheme ("host/path?query"), as purge orders name it.
    `selecting` has the normalised value, or None, of each request field that Vary names.
    `tags` are the origin's purge tags; `mark` is how far the tier had followed the purge log when the fetch began.
    `forms[0]` is the content as received; the others are codings made here.
    """

    key: str
    uri: str
    status: int
    reason: str
    fields: Fields
    request_time: float
    response_time: float
    selecting: tuple[tuple[str, str | None], ...] = ()
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    mark: PurgeMark = PurgeMark()
    forms: tuple[Form, ...] = ()
    method: str = "GET"

    @property
    def head(self) -> ResponseHead:
        """The head as stored."""
        return ResponseHead(self.status, self.fields, self.reason)

    def form(self, coding: str) -> Form | None:
        """The form of that coding ("" is as received), or None when it has not been made."""
        return next((form for form in self.forms if form.coding == coding), None)
