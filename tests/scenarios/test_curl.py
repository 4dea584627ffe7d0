"""curl in front of an edge: broken downloads, ranges, conditions, codings, HTTP/1.0 and uploads that ask first."""

from __future__ import annotations

import asyncio
import gzip
import random
import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scenarios.origin import Line, Seen

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: apt-get install curl"),
]

BODY = random.Random(9).randbytes(700_001)
TEXT = b"".join(b"line %d of a text that compresses\n" % number for number in range(2000))
PARTIAL_FILE, NO_RANGES = 18, 33
"""Exit codes of curl: the transfer ended early; the answer is not the range that was asked for."""


@dataclass
class Ran:
    """One curl that ended: its exit code, the heads it read and the octets it wrote to standard output."""

    code: int
    heads: str
    out: bytes

    @property
    def status(self) -> int:
        """The status of the last head."""
        return int(re.findall(r"^HTTP/\S+ (\d+)", self.heads, re.MULTILINE)[-1])

    def field(self, name: str) -> str | None:
        """The value of a field of the last head."""
        last = self.heads.strip().rpartition("\r\n\r\n")[2]
        found = re.findall(rf"^{name}: *(.*?)\r?$", last, re.MULTILINE | re.IGNORECASE)
        return ", ".join(found) if found else None


class Curl:
    """Runs curl against one world's first edge, in a folder."""

    def __init__(self, world, folder: Path) -> None:
        self._url = world.edges[0].url
        self.folder = folder

    async def start(self, target: str, *arguments: str) -> asyncio.subprocess.Process:
        """A curl under way; its heads go to the file `heads`."""
        return await asyncio.create_subprocess_exec(
            "curl", "-q", "-s", "--noproxy", "*", "--max-time", "30", "-H", "Host: site.example",
            "-D", "heads", *arguments, self._url + target,
            cwd=self.folder, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def __call__(self, target: str, *arguments: str) -> Ran:
        process = await self.start(target, *arguments)
        out, _ = await process.communicate()
        assert process.returncode is not None
        return Ran(process.returncode, (self.folder / "heads").read_text("latin-1"), out)


@pytest.fixture
def curl(world, tmp_path) -> Curl:
    """curl for the world of the play."""
    return Curl(world, tmp_path)


def ranged(*whole: Line):
    """A script that says the lines in turn, the last for ever; what asks for one range of the last gets it."""
    left = list(whole)

    def say(request: Seen) -> Line:
        line = left.pop(0) if len(left) > 1 else left[0]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.get("Range") or "")
        if asked is None or line.cut is not None:
            return line
        first, end = int(asked[1]), min(int(asked[2] or len(line.body)) + 1, len(line.body))
        part = ("Content-Range", f"bytes {first}-{end - 1}/{len(line.body)}")
        return Line(206, line.body[first:end], [*line.fields, part])

    return say


def file_line(tag='"v1"', **line) -> Line:
    """BODY, to be stored for a minute."""
    return Line(body=BODY, fields=[("ETag", tag), ("Cache-Control", "max-age=60")], **line)


async def test_a_download_that_breaks_at_the_origin_comes_whole_all_the_same(world, curl):
    world.origin.does("/file", ranged(file_line(cut=300_000), file_line()))
    assert (await curl("/file", "-o", "file")).code == 0
    assert (curl.folder / "file").read_bytes() == BODY


async def test_a_download_that_broke_at_the_origin_is_resumed_to_the_same_file(world, curl):
    weak = 'W/"v1"'  # with which no tier goes on by itself
    world.origin.does("/file", ranged(file_line(weak, cut=300_000), file_line(weak)))
    out = curl.folder / "file"

    assert (await curl("/file", "-o", "file")).code == PARTIAL_FILE
    broken = out.stat().st_size
    assert 0 < broken <= 300_000
    assert BODY.startswith(out.read_bytes())

    resumed = await curl("/file", "-C", "-", "-o", "file")
    assert (resumed.code, resumed.status) == (0, 206)
    assert resumed.field("Content-Range") == f"bytes {broken}-{len(BODY) - 1}/{len(BODY)}"
    assert out.read_bytes() == BODY


@pytest.mark.parametrize("is_under_way", [True, False], ids=["fetch under way", "fetch ended"])
async def test_a_download_that_the_client_broke_off_is_resumed_to_the_same_file(world, curl, is_under_way):
    gate = asyncio.Event()
    world.origin.does("/file", ranged(file_line(body_gate=gate), file_line()))
    out = curl.folder / "file"

    first = await curl.start("/file", "-N", "-o", "file")
    async with asyncio.timeout(20):
        while not (out.exists() and out.stat().st_size > 100_000):
            await asyncio.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    await first.wait()
    assert out.stat().st_size < len(BODY)

    if not is_under_way:
        gate.set()
    second = asyncio.create_task(curl("/file", "-C", "-", "-o", "file"))
    async with asyncio.timeout(20):
        while is_under_way and not (curl.folder / "heads").read_text().startswith("HTTP/1.1 206"):
            await asyncio.sleep(0.01)
    gate.set()
    assert (await second).code == 0
    assert out.read_bytes() == BODY


async def test_a_file_that_is_whole_is_left_as_it_is(world, curl):
    world.origin.does("/file", ranged(file_line()))
    for _ in range(2):
        assert (await curl("/file", "-C", "-", "-o", "file")).code == 0
        assert (curl.folder / "file").read_bytes() == BODY
    assert (await curl("/file", "-C", "-", "-o", "file")).field("Content-Range") == f"bytes */{len(BODY)}"


async def test_a_download_is_not_resumed_with_octets_of_a_changed_file(world, curl):
    world.origin.answers("/file", BODY, ETag='"v1"', Cache_Control="no-cache")
    out = curl.folder / "file"
    await curl("/file", "-o", "file")
    out.write_bytes(BODY[:1000])
    world.origin.answers("/file", BODY[::-1], ETag='"v2"', Cache_Control="no-cache")

    resumed = await curl("/file", "-C", "-", "-H", 'If-Range: "v1"', "-o", "file")
    assert (resumed.code, resumed.status) == (NO_RANGES, 200)
    assert out.read_bytes() == BODY[:1000]


RANGES = [
    ("0-99", [(0, 100)]),
    ("700000-", [(700_000, 700_001)]),
    ("-500", [(699_501, 700_001)]),
    ("5-5", [(5, 6)]),
    ("699000-9999999", [(699_000, 700_001)]),
    ("0-9,1000-1999,-7", [(0, 10), (1000, 2000), (699_994, 700_001)]),
]


@pytest.mark.parametrize("is_stored", [False, True], ids=["first request", "stored"])
async def test_ranges_are_the_octets_asked_for(world, curl, is_stored):
    for number, (asked, spans) in enumerate(RANGES):
        target = f"/file{number}"
        world.origin.does(target, ranged(file_line()))
        if is_stored:
            await curl(target)
        ran = await curl(target, "-r", asked)
        assert (ran.code, ran.status) == (0, 206), asked
        assert parts(ran) == [(first, BODY[first:end]) for first, end in spans], asked
        assert len(world.origin.seen(target)) == 1


def parts(ran: Ran) -> list[tuple[int, bytes]]:
    """Where each part of a 206 begins, and its octets."""
    if ran.field("Content-Range"):
        return [(int(ran.field("Content-Range").split()[1].split("-")[0]), ran.out)]
    boundary = re.fullmatch(r'multipart/byteranges; *boundary="?([^"]+)"?', ran.field("Content-Type"))
    first, *rest, last = ran.out.split(b"--" + boundary[1].encode())
    assert (first.strip(), last.strip()) == (b"", b"--")
    found = []
    for part in rest:
        head, _, octets = part.partition(b"\r\n\r\n")
        begins = re.search(rb"content-range: *bytes (\d+)-", head, re.IGNORECASE)
        found.append((int(begins[1]), octets.removesuffix(b"\r\n")))
    return found


async def test_a_range_beyond_the_end_is_416(world, curl):
    world.origin.does("/file", ranged(file_line()))
    await curl("/file")
    ran = await curl("/file", "-r", "700001-")
    assert (ran.status, ran.field("Content-Range")) == (416, "bytes */700001")


@pytest.mark.parametrize("compressed", [(), ("--compressed",)], ids=["plain", "compressed"])
async def test_a_saved_etag_brings_304_until_the_resource_changes(world, curl, compressed):
    fields = {"ETag": '"v1"', "Content_Type": "text/plain", "Cache_Control": "max-age=60"}
    world.origin.answers("/text", TEXT, **fields)
    if compressed:
        await coded(curl, "/text", "br", "--compressed")
    out, tags = curl.folder / "text", ("--etag-save", "etag", "--etag-compare", "etag")
    (curl.folder / "etag").write_text("")

    assert (await curl("/text", *compressed, *tags, "-o", "text")).status == 200
    assert out.read_bytes() == TEXT
    out.write_bytes(b"mine")
    again = await curl("/text", *compressed, *tags, "-o", "text")
    assert (again.code, again.status, again.field("ETag")) == (
        0,
        304,
        (curl.folder / "etag").read_text().strip(),
    )
    assert out.read_bytes() == b"mine"

    world.origin.answers("/text", TEXT[::-1], **{**fields, "ETag": '"v2"'})
    world.pass_time(61)
    assert (await curl("/text", *compressed, *tags, "-o", "text")).status == 200
    assert out.read_bytes() == TEXT[::-1]


async def test_what_is_coded_is_decoded_to_the_same_octets(world, curl):
    world.origin.answers("/text", TEXT, ETag='"v1"', Content_Type="text/plain", Cache_Control="max-age=60")
    await coded(curl, "/text", "br", "--compressed")
    await coded(curl, "/text", "gzip", "-H", "Accept-Encoding: gzip")

    best = await curl("/text", "--compressed", "-o", "text")
    assert best.field("Content-Encoding") == "br"
    assert int(best.field("Content-Length") or 0) < len(TEXT) // 4
    assert (curl.folder / "text").read_bytes() == TEXT
    raw = await curl("/text", "-H", "Accept-Encoding: gzip")
    assert raw.field("Content-Encoding") == "gzip"
    assert gzip.decompress(raw.out) == TEXT
    assert (await curl("/text")).out == TEXT
    assert len(world.origin.seen("/text")) == 1


async def coded(curl: Curl, target: str, coding: str, *arguments: str) -> None:
    """Ask until the answer comes in a coding."""
    async with asyncio.timeout(20):
        while (await curl(target, *arguments)).field("Content-Encoding") != coding:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("is_stored", [False, True], ids=["first request", "stored"])
async def test_http_1_0_gets_the_same_octets_without_chunks(world, curl, is_stored):
    world.origin.answers("/file", BODY, chunked=True, Cache_Control="max-age=60")
    if is_stored:
        await curl("/file")
    ran = await curl("/file", "-0")
    assert (ran.code, ran.status, ran.field("Transfer-Encoding")) == (0, 200, None)
    assert ran.out == BODY


async def test_an_upload_that_asks_first_is_told_to_go_on(world, curl):
    world.origin.answers("/in", b"thanks", status=201)
    (curl.folder / "sent").write_bytes(BODY)
    ran = await curl("/in", "-T", "sent", "-H", "Expect: 100-continue", "--expect100-timeout", "25")
    assert re.findall(r"^HTTP/1.1 (\d+)", ran.heads, re.MULTILINE) == ["100", "201"]
    assert ran.out == b"thanks"
    assert [(one.method, one.body == BODY) for one in world.origin.seen("/in")] == [("PUT", True)]


async def test_an_upload_that_is_too_large_is_refused_before_it_is_sent(worlds, tmp_path):
    async with worlds(serve={"request_body": 1000, "drain": 2}) as world:
        curl = Curl(world, tmp_path)
        (tmp_path / "sent").write_bytes(BODY)
        asks = ("-H", "Expect: 100-continue", "--expect100-timeout", "25")
        ran = await curl("/in", "-T", "sent", *asks, "-o", "answer", "-w", "%{size_upload}")
        assert (ran.status, ran.out) == (413, b"0")
        assert world.origin.seen("/in") == []
