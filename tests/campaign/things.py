"""Things of the recording origin: every version of each is known, and when it was the current one."""

from __future__ import annotations

import gzip
import hashlib
import random
import time
from dataclasses import dataclass, field
from functools import lru_cache

SLACK = 3.0
"""Seconds beyond its lifetime in which a version is not held against anybody: whole seconds in Age and Date, two tiers,
and a loaded machine between the moment in which the origin chose a version and the moment in which a client asked."""

HUGE = 14_000_000
"""Bytes of a thing that no node of the campaign has room for."""


@dataclass
class Thing:
    """One resource. `lifetime` and `stale` (stale-while-revalidate and stale-if-error) are seconds."""

    name: str
    size: int
    lifetime: int
    stale: int = 0
    form: str = "plain"
    """"plain" octets, "text" that can be coded, or "gzip": text that the origin sends coded."""
    chunked: bool = False
    born: list[float] = field(default_factory=list)
    """When each version became the current one (monotonic)."""
    served: set[int] = field(default_factory=set)
    """The versions that the origin has said anything of."""
    purged: list[tuple[float, float]] = field(default_factory=list)
    """For each purge: when it was ordered, and when every edge had confirmed it (monotonic)."""

    @property
    def path(self) -> str:
        """Its path at the origin."""
        return f"/{self.name}"

    @property
    def version(self) -> int:
        """The number of the current version."""
        return len(self.born) - 1

    def publish(self) -> None:
        """A new version, from now on."""
        self.born.append(time.monotonic())

    def body(self, version: int) -> bytes:
        """The octets of a version."""
        return _body(self.name, self.size, self.form, version)

    def digest(self, version: int) -> bytes:
        """What tells the octets of a version from all others."""
        return _digest(self.name, self.size, self.form, version)

    def sent(self, version: int) -> bytes:
        """The octets of a version as the origin sends them."""
        return gzip.compress(self.body(version), 1, mtime=0) if self.form == "gzip" else self.body(version)

    def tag(self, version: int) -> str:
        """The entity tag of a version."""
        return f'"{self.name}.{version}"'

    def version_of(self, tag: str) -> int:
        """The version that a tag (of any form) names; -1 when it is none of this thing's."""
        name, _, number = tag.removeprefix("W/").strip('"').partition("~")[0].rpartition(".")
        return int(number) if name == self.name and number.isdigit() else -1

    def fault_of(self, version: int, asked: float) -> str:
        """Why no client that asked at `asked` may get a version; "" where it may."""
        if not 0 <= version < len(self.born) or version not in self.served:
            return f"{self.name}: version {version} was never served"
        if version == self.version:
            return ""
        replaced = self.born[version + 1]
        late = asked - replaced - self.lifetime - self.stale
        if late > SLACK:
            return f"{self.name}: version {version} was given {late:.1f} s after it could have been fresh"
        for ordered, confirmed in self.purged:
            if replaced < ordered and confirmed < asked:
                return f"{self.name}: version {version} was given {asked - confirmed:.2f} s after its purge"
        return ""

    def fault_of_body(self, body: bytes, asked: float) -> str:
        """Why no client that asked at `asked` may get these octets as the whole; "" where it may."""
        first = body.split(b"\n", 1)[0].decode("latin-1")
        name, _, number = first.rpartition(" ")
        if name != self.name or not number.isdigit() or int(number) >= len(self.born):
            return f"{self.name}: octets of nothing known: {body[:40]!r}"
        if hashlib.blake2b(body).digest() != self.digest(int(number)):
            return f"{self.name}: {len(body)} octets that are not those of version {number} ({self.size})"
        return self.fault_of(int(number), asked)


@lru_cache(64)
def _body(name: str, size: int, form: str, version: int) -> bytes:
    head = f"{name} {version}\n".encode()
    random_octets = random.Random(f"{name} {version}").randbytes(size)
    rest = random_octets if form == "plain" else random_octets.hex().encode()
    return (head + rest)[: max(size, len(head))]


@lru_cache(4096)
def _digest(name: str, size: int, form: str, version: int) -> bytes:
    return hashlib.blake2b(_body(name, size, form, version)).digest()


def some_things(rng: random.Random, count: int) -> list[Thing]:
    """Small ones and large ones, short-lived and long-lived, of every form; the first are asked for most."""
    things = []
    for n in range(count):
        size = rng.choice((200, 1500, 9000, 40_000, 40_000, 150_000, 700_000, 2_500_000))
        form = rng.choice(("plain", "plain", "text", "text", "gzip"))
        lifetime, stale = rng.choice(((1, 0), (2, 0), (3, 2), (5, 0), (600, 0), (0, 0)))
        things.append(Thing(f"thing{n}", size, lifetime, stale, form, chunked=rng.random() < 0.3))
        things[-1].publish()
    for chunked in (False, True):  # larger than what may arrive at a disk store of the campaign
        things.append(Thing(f"huge{int(chunked)}", HUGE, 600, chunked=chunked))
        things[-1].publish()
    return things
