"""What a scripted origin with ranges says of one large resource: its versions, conditions, and what was asked of it."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.scenarios.origin import Line, Seen

SEGMENT = 64 * 2**10


def octets(seed: int, length: int) -> bytes:
    """Octets of which no two segments are the same."""
    return random.Random(seed).randbytes(length)


@dataclass
class Large:
    """A resource of `length` octets at its `version`; the tag is strong unless `weak`, ranges obeyed unless `deaf`."""

    length: int = 10 * SEGMENT + 100
    version: int = 1
    weak: bool = False
    same_tag: bool = False
    """Whether its tag stays when its octets change, as no origin should."""
    deaf: bool = False
    obeys_if_range: bool = True
    cache_control: str = "max-age=60"
    cuts: list[int] = field(default_factory=list)
    """After how many octets each of the next responses breaks off."""
    asked: list[str | None] = field(default_factory=list)
    body_gate: asyncio.Event | None = None
    """Holds back the second half of each body, and its end."""
    hook: Callable[[Seen], None] = lambda _: None

    @property
    def body(self) -> bytes:
        """All octets of this version."""
        return octets(self.version, self.length)

    @property
    def tag(self) -> str:
        """The entity tag of this version."""
        version = 1 if self.same_tag else self.version
        return f'W/"{version}"' if self.weak else f'"{version}"'

    @property
    def sent(self) -> int:
        """Octets that were asked for, the whole where no range was."""
        return sum(self._part(one)[1] - self._part(one)[0] for one in self.asked)

    def _part(self, asked: str | None) -> tuple[int, int]:
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked or "")
        if match is None or self.deaf:
            return 0, self.length
        if not match[1]:
            return max(0, self.length - int(match[2])), self.length
        return int(match[1]), min(self.length, int(match[2]) + 1 if match[2] else self.length)

    def __call__(self, request: Seen) -> Line:
        self.hook(request)
        fields = [("ETag", self.tag), ("Cache-Control", self.cache_control), ("Surrogate-Key", "film")]
        if request.get("If-None-Match") == self.tag:
            return Line(304, fields=fields)
        asked, condition = request.get("Range"), request.get("If-Range")
        if condition is not None and condition != self.tag and self.obeys_if_range:
            asked = None
        self.asked.append(asked)
        first, end = self._part(asked)
        cut, gate = self.cuts.pop(0) if self.cuts else None, self.body_gate
        if asked is None or self.deaf:
            return Line(200, self.body, fields, cut=cut, body_gate=gate)
        if first >= self.length:
            return Line(416, fields=[("Content-Range", f"bytes */{self.length}")])
        told = ("Content-Range", f"bytes {first}-{end - 1}/{self.length}")
        return Line(206, self.body[first:end], [*fields, told], cut=cut, body_gate=gate)
