"""Watermarks: for each name that an order has named, the number of the newest order. Asked on every look-up."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice

from httpcache.messages import PurgeMark, StoredResponse
from httpcache.purge.orders import Kind, Order
from httpcache.rules.decisions import Standing
from httpcache.spelling import name_without_dots

Level = tuple[int, int]
"""Numbers of the newest hard and the newest soft order; 0 is none."""

NamedLevel = tuple[Kind, str, Level]

NEVER = 2**62
"""More than any order's number."""

NAMED = (Kind.URL, Kind.PREFIX, Kind.TAG, Kind.HOST)


def higher(one: Level, other: Level) -> Level:
    """Both levels in one."""
    return max(one[0], other[0]), max(one[1], other[1])


def wider(kind: Kind, name: str) -> tuple[Kind, str]:
    """The name into which a watermark is folded: that of its host, else everything. Covers more, never less."""
    if kind in (Kind.URL, Kind.PREFIX):
        return Kind.HOST, name.partition("/")[0]
    return Kind.EVERYTHING, ""


def levels_of(n: int, order: Order) -> Iterable[NamedLevel]:
    """What an order with number `n` and normal names raises."""
    level = (0, n) if order.soft else (n, 0)
    names = order.targets if order.kind is not Kind.EVERYTHING else ("",)
    return ((order.kind, name, level) for name in names)


class Watermarks:
    """One worker's watermarks, at most `limit` named ones: beyond it the oldest are folded into wider ones.

    `proven` is whether the log's end has been heard within the lag limit; while it is not, nothing is GOOD.
    `when_silent` is how what is not purged stands once the log has been silent for longer than the limit.
    """

    def __init__(self, limit: int, when_silent: Standing = Standing.CUT_OFF) -> None:
        self._limit = limit
        self._when_silent = when_silent
        self._is_silent = False
        self._everything: Level = (0, 0)
        # In order of their last raise, so that the oldest is found at once.
        self._named: dict[Kind, OrderedDict[str, Level]] = {kind: OrderedDict() for kind in NAMED}
        self._urls, self._prefixes = self._named[Kind.URL], self._named[Kind.PREFIX]
        self._tags, self._hosts = self._named[Kind.TAG], self._named[Kind.HOST]
        self._lengths: dict[str, dict[int, int]] = {}  # by host: how many prefixes have that length
        self._sorted: dict[str, list[int]] = {}  # by host: those lengths
        self._mark = PurgeMark()
        self._floor = 0  # of this epoch, orders up to here may be unknown
        self._proven = False
        self._good_from = NEVER
        self._newest_hard = 0
        self.changes = 0
        """Grows whenever `standing` may say something else than before."""

    @property
    def mark(self) -> PurgeMark:
        """How far the log has been followed: what a fetch records when it begins."""
        return self._mark

    @property
    def proven(self) -> bool:
        """Whether what is not purged may be called good."""
        return self._proven

    @proven.setter
    def proven(self, proven: bool) -> None:
        self._proven = proven
        self._is_silent = self._is_silent and not proven
        self._settle()

    @property
    def newest_hard(self) -> tuple[int, int]:
        """Epoch and number of the newest order that wanted something gone; number 0 when there is none."""
        return self._mark.epoch, self._newest_hard

    @property
    def is_silent(self) -> bool:
        """Whether the log has been silent for longer than the lag limit."""
        return self._is_silent

    def fall_silent(self) -> None:
        """The lag limit is over. Until the log's end is heard again (`proven`), nothing is GOOD."""
        self._is_silent, self.proven = True, False

    def __len__(self) -> int:
        return len(self._urls) + len(self._prefixes) + len(self._tags) + len(self._hosts)

    def adopt(self, mark: PurgeMark, floor: int, levels: Iterable[NamedLevel] = ()) -> None:
        """Go on from `mark`: of its epoch, what was fetched before `floor` is unproven; of others everything.

        Watermarks of the same epoch stay; those of another mean nothing in this one.
        """
        if mark.epoch == self._mark.epoch:
            self._mark, self._floor = max(self._mark, mark), max(self._floor, floor)
        else:
            self._everything = (0, 0)
            for names in self._named.values():
                names.clear()
            self._lengths.clear()
            self._sorted.clear()
            self._newest_hard = 0
            self._mark, self._floor = mark, floor
        for kind, name, level in levels:
            self._raise(kind, name, level)
        self._fold()
        self._settle()

    def apply(self, run: Iterable[tuple[int, Order]]) -> None:
        """Raise what numbered orders of this epoch name (names are normal). In any order, any number of times."""
        newest = self._mark.n
        for n, order in run:
            if order.kind is Kind.TAG:  # most orders of a flood
                self._raise_tags(n, order)
            else:
                for kind, name, level in levels_of(n, order):
                    self._raise(kind, name, level)
            newest = max(newest, n)
        if newest > self._mark.n:
            self._mark = PurgeMark(self._mark.epoch, newest)
        self._fold()
        self._settle()

    def standing(self, stored: StoredResponse) -> Standing:
        """Whether orders cover a stored response whose fetch began before them."""
        mark = stored.mark
        if mark.n >= self._good_from and mark.epoch == self._mark.epoch:
            return Standing.GOOD
        return self._judge(stored)

    def overtakes(self, stored: StoredResponse) -> bool:
        """Whether an order covers what was asked for at `stored.mark`, or one that does may have been missed since."""
        mark = stored.mark
        if mark == self._mark:
            return False
        if mark.epoch != self._mark.epoch or mark.n < self._floor:
            return True  # the log was lost or trimmed meanwhile: nobody knows what was ordered
        return max(self._level(stored)) > mark.n

    def covers(self, stored: StoredResponse) -> bool:
        """Whether any order names it, whenever its fetch began."""
        return self._level(stored) != (0, 0)

    def _settle(self) -> None:
        self.changes += 1
        self._good_from = max(self._mark.n, self._floor) if self._proven else NEVER

    def _judge(self, stored: StoredResponse) -> Standing:
        same_epoch = stored.mark.epoch == self._mark.epoch
        n = stored.mark.n if same_epoch else 0
        hard, soft = self._level(stored)
        if hard > n:
            return Standing.GONE
        if not same_epoch or n < self._floor or not (self._proven or self._is_silent):
            return Standing.UNPROVEN
        standing = Standing.GOOD if self._proven else self._when_silent
        return standing.or_worse(Standing.SOFT) if soft > n else standing

    def _level(self, stored: StoredResponse) -> Level:
        """The highest of all watermarks that cover it: O(number of its tags)."""
        uri = stored.uri
        hard, soft = self._everything
        found = [self._urls.get(uri)]
        if "/." in uri and (plain := name_without_dots(uri)) != uri:
            found += [self._urls.get(plain), *self._of_prefixes(plain)]
        if self._tags:
            found += [self._tags.get(tag) for tag in stored.tags]
        if self._hosts or self._lengths:
            authority = uri.partition("/")[0]
            found.append(self._hosts.get(authority))
            if ":" in authority:
                # An order for a host without a port is for all of its ports.
                found.append(self._hosts.get(authority.rpartition(":")[0]))
            found += self._of_prefixes(uri)
        for level in found:
            if level is not None:
                hard, soft = max(hard, level[0]), max(soft, level[1])
        return hard, soft

    def _of_prefixes(self, name: str) -> list[Level | None]:
        lengths = self._sorted.get(name.partition("/")[0])
        if lengths is None:
            return []
        return [
            self._prefixes.get(name[:length]) for length in islice(lengths, bisect_right(lengths, len(name)))
        ]

    def _raise(self, kind: Kind, name: str, level: Level) -> None:
        self._newest_hard = max(self._newest_hard, level[0])
        if kind is Kind.EVERYTHING:
            self._everything = higher(self._everything, level)
            return
        names = self._named[kind]
        held = names.get(name)
        if held is not None:
            names[name] = higher(held, level)
            names.move_to_end(name)
            return
        names[name] = level
        if kind is Kind.PREFIX:
            host = name.partition("/")[0]
            lengths = self._lengths.setdefault(host, {})
            lengths[len(name)] = lengths.get(len(name), 0) + 1
            if lengths[len(name)] == 1:
                insort(self._sorted.setdefault(host, []), len(name))

    def _raise_tags(self, n: int, order: Order) -> None:
        tags, level = self._tags, (0, n) if order.soft else (n, 0)
        for name in order.targets:
            held = tags.get(name)
            if held is None:
                tags[name] = level
            else:
                tags[name] = higher(held, level)
                tags.move_to_end(name)
        self._newest_hard = max(self._newest_hard, level[0])

    def _fold(self) -> None:
        """Fold the oldest into wider ones until there are no more than the limit."""
        while len(self) > self._limit:
            kind = min(
                (kind for kind in NAMED if self._named[kind]),
                key=lambda kind: max(next(iter(self._named[kind].values()))),
            )
            name, level = self._named[kind].popitem(last=False)
            if kind is Kind.PREFIX:
                self._forget_length(name)
            self._raise(*wider(kind, name), level)

    def _forget_length(self, name: str) -> None:
        host = name.partition("/")[0]
        lengths = self._lengths[host]
        lengths[len(name)] -= 1
        if not lengths[len(name)]:
            del lengths[len(name)]
            self._sorted[host].remove(len(name))
        if not lengths:
            del self._lengths[host], self._sorted[host]
