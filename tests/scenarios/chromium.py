"""Chromium without a window, driven over its DevTools protocol: loads a page and tells what came, and from where."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

PROGRAM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
SILENCE = 0.3
"""Seconds without an event after which a loaded page has asked for everything that it wants."""


@dataclass
class Loaded:
    """One resource of a page, and whether the browser had it in its own cache."""

    url: str
    method: str = "GET"
    status: int = 0
    is_cached: bool = False
    body: bytes = b""
    error: str = ""


@dataclass
class Visit:
    """What one load of a page brought, and what the console had to complain about."""

    loaded: list[Loaded] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def bodies(self) -> dict[str, bytes]:
        """What the page got of each resource, by URL."""
        return {one.url: one.body for one in self.loaded if one.method == "GET"}


class Chromium:
    """One page of a running browser. Events are collected per visit."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._session = ""

    async def open_page(self) -> None:
        """Open an empty page and listen to everything that it tells."""
        target = (await self.call("Target.createTarget", url="about:blank"))["targetId"]
        attached = await self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self.call(f"{domain}.enable")

    async def visit(self, url: str) -> Visit:
        """Go to a URL as by a link on another page."""
        await self._settled("Page.navigate", url="about:blank")
        return await self._settled("Page.navigate", url=url)

    async def reload(self) -> Visit:
        """Press the button that loads the page again."""
        return await self._settled("Page.reload")

    async def text_of(self, element: str) -> str:
        """The text of the element with that id."""
        script = f"document.getElementById({element!r}).textContent"
        return (await self.call("Runtime.evaluate", expression=script))["result"]["value"]

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of one command. Raises AssertionError with DevTools' words when it refuses."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._answers[self._number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json(message)
        async with asyncio.timeout(20):
            answer = await self._answers[self._number]
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    async def close(self) -> None:
        """Let the browser write down what it keeps, and end."""
        self._session = ""
        await self.call("Browser.close")

    async def listen(self) -> None:
        """Sort what the browser says into answers and events, until the socket closes."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            else:
                self._events.put_nowait(said)

    async def _settled(self, method: str, **parameters: Any) -> Visit:
        """Do what loads a page; what came until it is loaded and nothing is under way any more."""
        while not self._events.empty():
            self._events.get_nowait()
        await self.call(method, **parameters)
        visit, is_loaded = Visit(), False
        loads: dict[str, Loaded] = {}
        waiting: set[str] = set()
        async with asyncio.timeout(30):
            while True:
                quiet = SILENCE if is_loaded and not waiting else None
                try:
                    event = await asyncio.wait_for(self._events.get(), quiet)
                except TimeoutError:
                    break
                is_loaded = is_loaded or event["method"] == "Page.loadEventFired"
                _note(event, visit, loads, waiting)
        for number, one in loads.items():
            visit.loaded.append(one)
            if not one.error and one.method != "HEAD":
                one.body = await self._body(number)
        return visit

    async def _body(self, number: str) -> bytes:
        got = await self.call("Network.getResponseBody", requestId=number)
        return base64.b64decode(got["body"]) if got["base64Encoded"] else got["body"].encode()


def _note(event: dict[str, Any], visit: Visit, loads: dict[str, Loaded], waiting: set[str]) -> None:
    """Write down what one event says. `waiting` are the requests that have not ended."""
    said = event["params"]
    number = said.get("requestId", "")
    match event["method"]:
        case "Network.requestWillBeSent":
            if said["request"]["url"].startswith("http"):
                request = said["request"]
                loads[number] = Loaded(request["url"], request["method"])
                waiting.add(number)
        case "Network.requestServedFromCache" if number in loads:
            loads[number].is_cached = True
        case "Network.responseReceived" if number in loads:
            response = said["response"]
            loads[number].status = response["status"]
            loads[number].is_cached |= response.get("fromDiskCache", False)
        case "Network.loadingFinished":
            waiting.discard(number)
        case "Network.loadingFailed" if number in loads:
            waiting.discard(number)
            loads[number].error = said["errorText"]
            if not said.get("canceled"):  # a script that reads no body cancels it: no fault
                visit.errors.append(f"{loads[number].url}: {said['errorText']}")
        case "Runtime.exceptionThrown":
            visit.errors.append(str(said["exceptionDetails"]))
        case "Runtime.consoleAPICalled" if said["type"] in ("error", "warning", "assert"):
            visit.errors.append(str(said["args"]))
        case "Log.entryAdded" if said["entry"]["level"] in ("error", "warning"):
            visit.errors.append(f"{said['entry'].get('url', '')}: {said['entry']['text']}")


@contextlib.asynccontextmanager
async def browsing(profile: Path) -> AsyncIterator[Chromium]:
    """A browser with one empty page; its cache and all it keeps are in `profile`, and outlive it."""
    assert PROGRAM is not None
    profile.mkdir(parents=True, exist_ok=True)
    address = profile / "DevToolsActivePort"
    address.unlink(missing_ok=True)
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *FLAGS,
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port, path = await _told(address, process)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0) as socket,
        ):
            chromium = Chromium(socket)
            listener = asyncio.create_task(chromium.listen())
            await chromium.open_page()
            yield chromium
            await chromium.close()
            async with asyncio.timeout(10):
                await process.wait()
            listener.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _told(file: Path, process: asyncio.subprocess.Process) -> tuple[str, str]:
    """The port and path that the browser writes down when it listens."""
    async with asyncio.timeout(30):
        while True:
            assert process.returncode is None, f"chromium ended with {process.returncode}"
            lines = file.read_text().split("\n") if file.exists() else []
            if len(lines) >= 2 and lines[1]:
                return lines[0], lines[1]
            await asyncio.sleep(0.02)
