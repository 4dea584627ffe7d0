"""Chromium in front of an edge, a shield and the sample site: its own cache and ours agree."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgeward.origin_site import pages
from tests.scenarios import chromium
from tests.scenarios.ports import free_port
from tests.scenarios.processes import Command, node

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        chromium.PROGRAM is None, reason="Chromium is not installed: apt-get install chromium"
    ),
]


@dataclass
class Cdn:
    """The edge's URL, and what it was asked."""

    url: str
    edge: Command
    log: Path

    def asked(self) -> dict[str, list[int]]:
        """Ends the edge; the status of each answer it gave, by path, in order."""
        assert self.edge.stop() == 0
        answers: dict[str, list[int]] = {}
        for line in self.log.read_text().splitlines():
            said = json.loads(line)
            answers.setdefault(said["uri"].removeprefix(self.url), []).append(said["status"])
        return answers

    def site(self, *paths: str) -> dict[str, bytes]:
        """What the browser must have got, by URL."""
        return {self.url + path: pages()[path].body for path in paths}


@pytest.fixture
def cdn(tmp_path):
    """A sample origin, a shield and an edge that logs, by their commands."""
    port, log = free_port(), tmp_path / "access.log"
    origin = Command(
        tmp_path, "origin", "--listen", f"127.0.0.1:{port}", ready=f"http://127.0.0.1:{port}/_count"
    )
    shield, shield_url, _ = node(tmp_path, "shield", "--origin", f"http://127.0.0.1:{port}", name="shield")
    edge, url, _ = node(
        tmp_path, "edge", "--shield", shield_url, name="edge", extra=("--access-log", str(log))
    )
    commands = [origin, shield, edge]
    try:
        for command in commands:
            command.start()
        yield Cdn(url, edge, log)
    finally:
        for command in reversed(commands):
            if command.process is not None and command.process.poll() is None:
                command.stop(signal.SIGKILL)


def assets(page: bytes) -> list[str]:
    """The assets that a page of the site names."""
    return [path for path in pages() if path.startswith("/assets/") and path.encode() in page]


async def test_a_site_opened_again_asks_for_nothing_and_is_the_same_to_the_octet(cdn, tmp_path):
    front = ["/", *assets(pages()["/"].body)]
    story = "/stories/mill.html"
    of_story = assets(pages()[story].body)
    async with chromium.browsing(tmp_path / "profile") as browser:
        first = await browser.visit(f"{cdn.url}/")
        told = await browser.text_of("cache")
        second = await browser.visit(f"{cdn.url}/")
        assert await browser.text_of("cache") == told
        other = await browser.visit(cdn.url + story)
    async with chromium.browsing(tmp_path / "profile") as browser:
        third = await browser.visit(f"{cdn.url}/")

    assert first.errors == second.errors == other.errors == third.errors == []
    assert first.bodies() == second.bodies() == third.bodies() == cdn.site(*front)
    assert other.bodies() == cdn.site(story, *of_story)
    assert len(of_story) >= 3
    assert all(one.is_cached for visit in (second, third) for one in visit.loaded)
    assert [one.url for one in other.loaded if not one.is_cached] == [cdn.url + story]
    assert told.startswith("Cache-Status: shield")
    assert cdn.asked() == {path: [200] for path in (*front, story)}


async def test_a_site_loaded_anew_has_its_page_validated_and_its_immutable_assets_left_alone(cdn, tmp_path):
    front = ["/", *assets(pages()["/"].body)]
    warm_ups = await is_coded(f"{cdn.url}/")
    async with chromium.browsing(tmp_path / "profile") as browser:
        first = await browser.visit(f"{cdn.url}/")
        second = await browser.reload()

    assert first.errors == second.errors == []
    assert first.bodies() == second.bodies() == cdn.site(*front)
    asked = cdn.asked()
    assert asked.pop("/") == [200] * warm_ups + [200, 304]
    assert asked == {path: [200] for path in front[1:]}


async def test_a_page_that_may_not_be_reused_unasked_is_answered_304(cdn, tmp_path):
    target = "/objects/page?size=700&type=text/plain&cache_control=no-cache"
    async with chromium.browsing(tmp_path / "profile") as browser:
        visits = [await browser.visit(cdn.url + target) for _ in range(3)]

    assert [visit.errors for visit in visits] == [[], [], []]
    bodies = Counter(visit.bodies()[cdn.url + target] for visit in visits)
    assert [(len(body), count) for body, count in bodies.items()] == [(700, 3)]
    asked = cdn.asked()
    asked.pop("/favicon.ico", None)
    assert list(asked.values()) == [[200, 304, 304]]


async def is_coded(url: str) -> int:
    """Ask until the answer comes in the coding that a browser will get; how often that took."""
    asked = urllib.request.Request(url, headers={"Accept-Encoding": "gzip, deflate, br"})
    async with asyncio.timeout(20):
        for count in range(1, 2000):
            with await asyncio.to_thread(urllib.request.urlopen, asked, timeout=5) as answer:
                if answer.headers["Content-Encoding"] == "br":
                    return count
            await asyncio.sleep(0.02)
    raise AssertionError("was never coded")
