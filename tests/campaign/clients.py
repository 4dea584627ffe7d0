"""Clients of the campaign: each asks for one thing after another, in every way, and judges what it gets."""

from __future__ import annotations

import asyncio
import gzip
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import aiohttp
import brotli
import zstandard

from tests.campaign.things import Thing

NO_ANSWER = (aiohttp.ClientError, TimeoutError, OSError)

WAYS = (
    *("plain",) * 6,
    *("coded",) * 4,
    *("range", "head", "conditional", "leaves") * 2,
    *("no-store", "authorized", "if-match"),
)
"""How a client asks: for all, for a coded form, for a part, for the head, for what has changed; or it leaves early. Or
for what is its own alone, in one way or another."""


@dataclass
class Tally:
    """What came of the requests."""

    outcomes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    last_failure: str = ""
    """What was wrong with the last request that was not answered."""

    @property
    def requests(self) -> int:
        """Requests made."""
        return sum(self.outcomes.values())


class Clients:
    """Many clients of some edges."""

    def __init__(self, edges: list[str], things: list[Thing], rng: random.Random) -> None:
        self.tally = Tally()
        self._edges = edges
        self._things = things
        self._weights = [1 / (n + 1) ** 0.7 for n in range(len(things))]
        self._rng = rng

    async def run(self, count: int, stop: asyncio.Event) -> None:
        """Have `count` clients ask until `stop` is set."""
        timeout = aiohttp.ClientTimeout(total=30, sock_connect=5)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding",),
            timeout=timeout,
            connector=connector,
        ) as session:
            await asyncio.gather(*(self._client(session, stop) for _ in range(count)))

    async def _client(self, session: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        while not stop.is_set():
            (thing,) = self._rng.choices(self._things, self._weights)
            outcome = await self.ask(session, thing, self._rng.choice(self._edges), self._rng.choice(WAYS))
            self.tally.outcomes[outcome] += 1
            await asyncio.sleep(0.2 if outcome == "no answer" else self._rng.uniform(0, 0.02))

    async def ask(self, session: aiohttp.ClientSession, thing: Thing, edge: str, way: str) -> str:
        """Ask once and judge; how it went."""
        asked, fields = time.monotonic(), {"Host": "site.example", **self._fields(thing, way)}
        try:
            async with session.request(
                "HEAD" if way == "head" else "GET", edge + thing.path, headers=fields
            ) as answer:
                if way == "leaves":
                    await answer.content.read(100)
                    answer.close()
                    return "left early"
                body = await answer.read()
        except NO_ANSWER as error:
            self.tally.last_failure = f"{type(error).__name__}: {error}"
            return "broken off" if isinstance(error, aiohttp.ClientPayloadError) else "no answer"
        fault = judged(thing, answer, body, asked, way)
        if fault:
            served = ", ".join(answer.headers.getall("Cache-Status", []))
            self.tally.violations.append(f"{fault} [{way} at {edge}, {answer.status}, {served}]")
        return str(answer.status)

    def _fields(self, thing: Thing, way: str) -> dict[str, str]:
        if way == "coded":
            return {
                "Accept-Encoding": self._rng.choice(("br", "gzip", "zstd", "br, gzip", "identity;q=0, *"))
            }
        if way == "range":
            first = self._rng.randrange(thing.size)
            last = self._rng.choice(("", str(first + self._rng.randrange(1, 100_000))))
            return {"Range": f"bytes={first}-{last}"}
        if way == "no-store":
            return {"Cache-Control": "no-store"}
        if way == "authorized":
            return {"Authorization": f"Bearer {self._rng.randrange(3)}"}
        if way == "if-match":
            return {"If-Match": thing.tag(self._rng.randrange(thing.version + 1))}
        if way == "conditional":
            return {"If-None-Match": thing.tag(self._rng.randrange(thing.version + 1))}
        return {}


def judged(thing: Thing, answer: aiohttp.ClientResponse, body: bytes, asked: float, way: str) -> str:
    """Why an answer is wrong; "" where it is right, or no answer of the origin's at all (a failure that says so)."""
    version = thing.version_of(answer.headers.get("ETag", ""))
    if answer.status == 200 and way == "head" and "ETag" not in answer.headers:
        return ""  # of content that is decoded on its way, and not stored: it claims no version
    if answer.status == 304 or (answer.status == 200 and way == "head"):
        return thing.fault_of(version, asked)
    if answer.status == 200:
        whole = decoded(body, answer.headers.get("Content-Encoding", ""))
        if whole is None:
            return f"{thing.name}: {len(body)} octets that cannot be decoded"
        fault = thing.fault_of_body(whole, asked)
        if not fault and version >= 0 and not whole.startswith(f"{thing.name} {version}\n".encode()):
            return f"{thing.name}: the tag of version {version} on another's octets"
        return fault
    if answer.status == 206:
        return fault_of_part(thing, answer, body, asked, version)
    if answer.status == 412 and way == "if-match":
        return ""
    return "" if answer.status in (416, 500, 502, 503, 504) else f"{thing.name}: status {answer.status}"


def fault_of_part(
    thing: Thing, answer: aiohttp.ClientResponse, body: bytes, asked: float, version: int
) -> str:
    """Why a 206 is wrong."""
    fault = thing.fault_of(version, asked)
    if fault:
        return fault
    span = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")[0]
    first, _, last = span.partition("-")
    coding = answer.headers.get("Content-Encoding", "")
    whole = thing.body(version) if not coding else thing.sent(version)
    if not first.isdigit() or not last.isdigit() or body != whole[int(first) : int(last) + 1]:
        return f"{thing.name}: {len(body)} octets that are not {span} of version {version}"
    return ""


def decoded(body: bytes, coding: str) -> bytes | None:
    """The octets without their content coding; None when they cannot be read."""
    try:
        match coding:
            case "":
                return body
            case "gzip":
                return gzip.decompress(body)
            case "br":
                return brotli.decompress(body)
            case "zstd":
                return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    except (OSError, EOFError, brotli.error, zstandard.ZstdError):
        return None
    return None
