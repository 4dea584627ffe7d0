"""The faults of the campaign: each is done to a running cluster, lasts a while, and is taken back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import shutil
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

from httpcache.store.folder import LONGEST
from tests.campaign.cluster import Cluster, NodeProcess
from tests.campaign.recording_origin import MOODS, RecordingOrigin

SMALL_FILES = 64 * 2**10
"""How large a file may become on a disk that is "full", in bytes: the database and segments want more."""


class Faults:
    """Does faults at random, by a seed."""

    def __init__(self, cluster: Cluster, origin: RecordingOrigin, rng: random.Random) -> None:
        self.done: dict[str, int] = {}
        self._cluster = cluster
        self._origin = origin
        self._rng = rng
        self._kinds: list[Callable[[], Awaitable[None]]] = [
            self.kill_worker, self.kill_worker, self.kill_node, self.restart_node, self.full_disk,
            self.full_disk, self.flipped_octets, self.flipped_octets, self.cut_file, self.locked_database,
            self.vanished_store, self.second_node, self.frozen_worker, self.bad_origin, self.bad_origin,
            self.bad_origin, self.no_origin, self.stepped_clock, self.stepped_clock, self.vanished_folder,
            self.unwritable_folder, self.disk_that_stays_full,
        ]  # fmt: skip

    async def run(self, stop: asyncio.Event) -> None:
        """One fault after another, until `stop` is set."""
        kinds: list[Callable[[], Awaitable[None]]] = []
        while not stop.is_set():
            if not kinds:  # each has its turn, in an order of its own
                kinds = self._rng.sample(self._kinds, len(self._kinds))
            fault = kinds.pop()
            await fault()
            self.done[fault.__name__] = self.done.get(fault.__name__, 0) + 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._rng.uniform(0.05, 0.6))

    def _a_node(self) -> NodeProcess:
        return self._rng.choice(self._cluster.nodes)

    async def kill_worker(self) -> None:
        """kill -9 of a worker, whatever it is at."""
        await self._a_node().kill_a_worker(self._rng.randrange(8))

    async def frozen_worker(self) -> None:
        """A worker stands still for a while, as on a machine that swaps or is moved."""
        pids = await self._a_node().workers()
        if not pids:
            return
        pid = self._rng.choice(pids)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(self._rng.uniform(0.3, 4))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    async def kill_node(self) -> None:
        """kill -9 of a supervisor; its workers end with it. Then a start on what it left."""
        node = self._a_node()
        await node.end(signal.SIGKILL)
        await asyncio.sleep(self._rng.uniform(0, 0.3))
        await started_again(node)

    async def restart_node(self) -> None:
        """An end as operators do it, and a start."""
        node = self._a_node()
        await node.end()
        await started_again(node)

    async def full_disk(self, seconds: float = 0.0) -> None:
        """No room for a while: on a small mount none at all, else no file of a node may grow beyond a little."""
        node = self._a_node()
        if _is_small(node.data):
            await self._filled_mount(node.data.parent, seconds)
            return
        pids = [*(await node.workers()), *([node.process.pid] if node.process else [])]
        _limit_files(pids, SMALL_FILES)
        await asyncio.sleep(seconds or self._rng.uniform(0.3, 2))
        _limit_files([*(await node.workers()), *pids], resource.RLIM_INFINITY)

    async def _filled_mount(self, folder: Path, seconds: float) -> None:
        with contextlib.suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
            while filler.write(bytes(2**16)):
                pass
        await asyncio.sleep(seconds or self._rng.uniform(0.3, 2))
        (folder / "filler").unlink(missing_ok=True)

    async def disk_that_stays_full(self) -> None:
        """No room for so long that everything which expires does so meanwhile."""
        await self.full_disk(self._rng.uniform(4, 7))

    async def unwritable_folder(self) -> None:
        """Nothing can be written for a while: nothing is permitted, and what permissions do not bind may not grow."""
        node = self._a_node()
        folders = [node.data / "store", *(node.data / "store").glob("??/")]
        pids = await node.workers()
        with contextlib.suppress(OSError):
            for folder in folders:
                folder.chmod(0o500)
        _limit_files(pids, 0)
        await asyncio.sleep(self._rng.uniform(0.3, 2))
        for folder in folders:
            with contextlib.suppress(OSError):
                folder.chmod(0o700)
        _limit_files(pids, resource.RLIM_INFINITY)

    async def vanished_folder(self) -> None:
        """All that an edge has on disk is gone; it finds its way back, and is known by its key as before."""
        node = self._rng.choice(self._cluster.edges)
        await node.knows_its_folder()
        key = node.data / "keys" / "node.key"
        before = key.read_bytes()
        shutil.rmtree(node.data, ignore_errors=True)
        async with asyncio.timeout(LONGEST + 60):
            while not (key.exists() and key.read_bytes() == before):
                await asyncio.sleep(0.1)

    async def stepped_clock(self) -> None:
        """The clock of a node is set back or forward for a while, by seconds or by hours."""
        node = self._a_node()
        node.clock.step_to(self._rng.choice((-1, 1)) * self._rng.choice((4, 60, 5000)))
        await asyncio.sleep(self._rng.uniform(0.3, 2))
        if self._rng.random() < 0.5:
            await node.kill_a_worker(self._rng.randrange(8))
            await asyncio.sleep(self._rng.uniform(0.3, 1))
        node.clock.step_to(0)

    async def flipped_octets(self) -> None:
        """Some octets of some stored values, and of the database, are others now."""
        for path in self._some_files(self._a_node(), 5):
            with contextlib.suppress(OSError):
                octets = path.read_bytes()
                spots = [self._rng.randrange(len(octets)) for _ in range(3 if octets else 0)]
                if path.suffix == ".val":
                    _found_as(path, _flipped(octets, spots, self._rng))
                    continue
                with path.open("r+b") as file:
                    for spot in spots:
                        file.seek(spot)
                        file.write(self._rng.randbytes(1))

    async def cut_file(self) -> None:
        """Some stored values end before their time."""
        for path in self._some_files(self._a_node(), 3, values_only=True):
            with contextlib.suppress(OSError):
                octets = path.read_bytes()
                _found_as(path, octets[: self._rng.randrange(len(octets) + 1)])

    async def locked_database(self) -> None:
        """Somebody else holds the database of a store."""
        path = self._a_node().data / "store" / "cache.db"
        with contextlib.suppress(sqlite3.Error):
            connection = sqlite3.connect(path, timeout=0.5, isolation_level=None)
            try:
                connection.execute("BEGIN IMMEDIATE")
                await asyncio.sleep(self._rng.uniform(0.2, 1.5))
                connection.execute("ROLLBACK")
            finally:
                connection.close()

    async def vanished_store(self) -> None:
        """The folder of a store is gone."""
        shutil.rmtree(self._a_node().data / "store", ignore_errors=True)

    async def second_node(self) -> None:
        """A second node on the folder of one that runs: it must refuse, and say why."""
        node = self._a_node()
        other = NodeProcess(node.log.parent, node.arguments[0], "second", *node.arguments[3:5])
        other.arguments = tuple(str(node.data) if one == str(other.data) else one for one in other.arguments)
        process = await other.launch()
        try:
            code = await asyncio.wait_for(process.wait(), 60)
        finally:
            await other.end(signal.SIGKILL)
        assert code == 2, f"a second node ran on {node.data} ({code}): {other.last_words()}"
        assert "in use by another node" in other.last_words()

    async def bad_origin(self) -> None:
        """The origin is slow or broken, in one way or another."""
        self._origin.mood, self._origin.share = self._rng.choice(MOODS[1:]), self._rng.choice((0.3, 0.7, 1))
        await asyncio.sleep(self._rng.uniform(0.3, 2))
        self._origin.mood = "well"

    async def no_origin(self) -> None:
        """The origin is not there."""
        await self._origin.stop()
        await asyncio.sleep(self._rng.uniform(0.2, 1))
        await self._origin.start()

    def _some_files(self, node: NodeProcess, count: int, *, values_only: bool = False) -> list[Path]:
        pattern = "??/*.val" if values_only else "**/*"
        with contextlib.suppress(OSError):
            files = [path for path in (node.data / "store").glob(pattern) if path.is_file()]
            return self._rng.sample(files, min(count, len(files)))
        return []


async def started_again(node: NodeProcess) -> None:
    """Start a node; the port and the folder of one that was killed may be held for a moment by its workers."""
    for _ in range(20):
        process = await node.launch()
        with contextlib.suppress(AssertionError):
            await node.is_ready()
            return
        if process.returncode is None:
            await node.end(signal.SIGKILL)
        await asyncio.sleep(0.2)
    raise AssertionError(f"{node.name} does not start again: {node.last_words()}")


def _is_small(folder: Path) -> bool:
    """Whether a folder is on a mount that can be filled at once."""
    about = os.statvfs(folder)
    return about.f_blocks * about.f_frsize < 2**30


def _flipped(octets: bytes, spots: list[int], rng: random.Random) -> bytes:
    others = bytearray(octets)
    for spot in spots:
        others[spot] = rng.randrange(256)
    return bytes(others)


def _found_as(path: Path, octets: bytes) -> None:
    """Have a value's file found with other octets, as rot is: by who opens it from now on.

    Written in place they would also change in the sockets of clients to whom the kernel is sending this file, since
    what waits there are the file's own pages; nobody could tell.
    """
    other = path.with_suffix(".other")
    other.write_bytes(octets)
    other.replace(path)


def _limit_files(pids: list[int], size: int) -> None:
    for pid in set(pids):
        with contextlib.suppress(OSError):
            _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, most))
