"""Makes the br and gzip forms of stored responses: once each, in a thread, never while a client waits."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import brotli

from httpcache.messages import Form, StoredResponse
from httpcache.observe import metrics
from httpcache.settings import CodingSettings

MOST_WAITING = 256
"""Forms that may wait to be made; beyond it a form is made when it is next asked for."""


class Coder:
    """Codes bodies off the event loop, one form of one body at a time."""

    def __init__(self, settings: CodingSettings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="coder")
        self._under_way: dict[tuple[str, str], asyncio.Task[None]] = {}

    def schedule(
        self,
        stored: StoredResponse,
        coding: str,
        body: Callable[[], Awaitable[bytes | None]],
        keep: Callable[[Form, bytes], None],
    ) -> None:
        """Have the `coding` form of `stored` made from `body()` and given to `keep`, unless that is under way."""
        key = (stored.forms[0].body_id, coding)
        if key in self._under_way or len(self._under_way) >= MOST_WAITING:
            return
        task = asyncio.get_running_loop().create_task(self._make(stored, coding, body, keep))
        self._under_way[key] = task
        task.add_done_callback(lambda _: self._under_way.pop(key, None))

    async def _make(
        self,
        stored: StoredResponse,
        coding: str,
        body: Callable[[], Awaitable[bytes | None]],
        keep: Callable[[Form, bytes], None],
    ) -> None:
        whole = await body()
        if whole is None:
            return
        loop = asyncio.get_running_loop()
        coded = await loop.run_in_executor(self._threads, encode, whole, coding, self._settings)
        metrics.CODED.labels(coding).inc()
        keep(Form(coding, f"{stored.forms[0].body_id}-{coding}", len(coded), ((0, len(coded)),)), coded)

    async def settle(self) -> None:
        """Wait for every form under way."""
        while self._under_way:
            await asyncio.wait(list(self._under_way.values()))

    def close(self) -> None:
        """Drop what waits."""
        for task in self._under_way.values():
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)


def encode(body: bytes, coding: str, settings: CodingSettings) -> bytes:
    """`body` in a content coding (RFC 9110 §8.4.1): "br" or "gzip"."""
    if coding == "br":
        return bytes(brotli.compress(body, quality=settings.br_quality))
    return gzip.compress(body, settings.gzip_level, mtime=0)


def with_form(stored: StoredResponse, form: Form) -> StoredResponse:
    """`stored` with one more form, in the place of an earlier one of that coding."""
    others = tuple(other for other in stored.forms if other.coding != form.coding)
    return replace(stored, forms=(*others, form))
