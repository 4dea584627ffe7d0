"""Has coded forms made: one at a time, in a process of its own that gives way to everything else."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from httpcache.serve import coding_process
from httpcache.serve.codecs import Undecodable
from httpcache.serve.coding_process import DECODER, ENCODER, FEED, FINISH, HEAD, MORE
from httpcache.serve.coding_threads import CodingThreads

MOST_WAITING = 256
"""Forms that may wait to be made; beyond it a form is made when it is next asked for."""

GIVEN_UP = 4096
"""Forms remembered as not to be made: what they are of cannot be decoded, or was lost."""


class Coder:
    """Makes forms off the event loop, each once.

    A thread would do the work under the lock that the event loop needs too: put behind others while it holds that, it
    would have every client wait (docs/decisions/0023).
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._later: dict[str, asyncio.Task[None]] = {}
        """Forms of bodies that are still arriving: until these have come, they take nobody's place."""
        self._given_up: dict[str, None] = {}
        self._turn = asyncio.Semaphore(1)
        self.threads = CodingThreads()
        """For content that is coded or decoded as it is sent."""

    def may_make(self, name: str) -> bool:
        """Whether the form of that name may be made now: it is not under way, nor given up, nor are too many."""
        is_known = name in self._under_way or name in self._later or name in self._given_up
        return not is_known and len(self._under_way) < MOST_WAITING

    def schedule(self, name: str, make: Callable[[], Awaitable[bool]]) -> None:
        """Have the form of that name, which may be made, made by `make()`; False from it is for good."""
        task = asyncio.get_running_loop().create_task(self._make(name, make))
        self._under_way[name] = task
        task.add_done_callback(lambda _: self._under_way.pop(name, None))

    def schedule_later(self, name: str, has_come: Awaitable[bool], schedule: Callable[[], None]) -> None:
        """Have the form of that name scheduled once what it is of has come; nothing where that fails."""

        async def wait() -> None:
            came = await has_come
            del self._later[name]
            if came:
                schedule()

        self._later[name] = asyncio.get_running_loop().create_task(wait())

    async def _make(self, name: str, make: Callable[[], Awaitable[bool]]) -> None:
        if await make():
            return
        self._given_up[name] = None
        if len(self._given_up) > GIVEN_UP:
            del self._given_up[next(iter(self._given_up))]

    async def coded(
        self, octets: AsyncIterator[bytes], coding: str, level: int
    ) -> AsyncGenerator[bytes, None]:
        """The octets of a content, coded. Raises Undecodable where the process cannot do it."""
        async with self._turn:
            await self._ask(ENCODER, f"{coding} {level}".encode("ascii"))
            async for data in octets:
                if piece := await self._ask(FEED, data):
                    yield piece
            yield await self._ask(FINISH)

    async def decoded(self, octets: AsyncIterator[bytes], coding: str) -> AsyncGenerator[bytes, None]:
        """The octets of a coded content, decoded. Raises Undecodable."""
        async with self._turn:
            await self._ask(DECODER, coding.encode("ascii"))
            async for data in octets:
                piece = await self._ask(FEED, data)
                while piece:
                    yield piece
                    piece = await self._ask(MORE)
            await self._ask(FINISH)

    async def _ask(self, kind: bytes, octets: bytes = b"") -> bytes:
        """What the process makes of this. One that has ended is replaced, and what it was at not tried again."""
        if self._process is None:
            await self._begin()
        assert self._reader is not None and self._writer is not None
        try:
            self._writer.write(HEAD.pack(kind, len(octets)) + octets)
            answer, length = HEAD.unpack(await self._reader.readexactly(HEAD.size))
            octets = await self._reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            self._end()
            raise Undecodable("the process that codes has ended") from error
        except asyncio.CancelledError:
            self._end()  # its answer would be taken for the next one's
            raise
        if answer != coding_process.OCTETS:
            raise Undecodable(octets.decode("utf-8", "replace"))
        return octets

    async def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = await asyncio.to_thread(_begun, theirs)
            except OSError as error:
                ours.close()
                raise Undecodable("no process that codes can be started") from error
        ours.setblocking(False)
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=2**20)

    def _end(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._process = self._reader = self._writer = None

    async def settle(self) -> None:
        """Wait for every form under way."""
        while self._under_way or self._later:
            await asyncio.wait([*self._under_way.values(), *self._later.values()])

    def close(self) -> None:
        """Drop what waits."""
        for task in (*self._under_way.values(), *self._later.values()):
            task.cancel()
        self._end()


def _begun(theirs: socket.socket) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", coding_process.__name__]
    return subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, start_new_session=True)
