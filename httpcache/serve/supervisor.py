"""A node's first process: it binds, starts workers and replaces those that die, and answers on the admin listener."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop

from httpcache import clock
from httpcache.fetch.failures import reason
from httpcache.serve.sockets import StartError, listening
from httpcache.serve.worker_report import WorkerReport
from httpcache.setting_kinds import split_address
from httpcache.settings import Settings
from httpcache.store.folder import DataFolderError, HeldFolder, lock_data_folder

if TYPE_CHECKING:
    from httpcache.serve.control import Control

log = logging.getLogger("edgeward")

RESTART_PAUSE = 0.5
"""Least time between two starts of one worker, in seconds: a worker that cannot start must not spin."""

LOOK_EVERY = 2.0
"""How often is looked whether the data folder is still there, in seconds."""

QUIET = 60.0
"""Seconds between two log lines that say that it cannot be made anew."""

TRIES = 3
"""Starts of a worker that has never been ready, before the node gives up."""


class WorkerProcess:
    """One worker: its process, the last report it gave, and how to start it anew.

    It is told what to do once `may_begin` is set: until then it gets ready for it, beside its supervisor.
    """

    def __init__(
        self, index: int, module: str, settings: Settings, sock: socket.socket, metrics_folder: Path
    ) -> None:
        self.index = index
        self.report = WorkerReport()
        self.ready = asyncio.Event()
        self.may_begin = asyncio.Event()
        self.ended: Callable[[int], None] | None = None
        """Told the id of a process that has ended."""
        self.process: asyncio.subprocess.Process | None = None
        self._module = module
        self._settings = settings
        self._sock = sock
        self._metrics_folder = metrics_folder
        self._stopping = False
        self._leaving: dict[asyncio.Task[None], asyncio.subprocess.Process] = {}
        """Processes that have been replaced, until they end."""
        self._replaced = asyncio.Event()

    async def keep_running(self) -> None:
        """Start the process, and again each time it ends or is replaced, until told to stop."""
        tries = 0
        while not self._stopping:
            started = clock.monotonic()
            run = asyncio.create_task(self._run_once())
            if await self._is_replaced(run):
                continue
            tries += 1
            if not self.ready.is_set() and tries == TRIES:
                log.error("worker %d does not start: see the lines above", self.index)
                return
            if not self._stopping:
                log.error("worker %d ended with %s; starting it again", self.index, self._status())
                await asyncio.sleep(max(0.0, RESTART_PAUSE - (clock.monotonic() - started)))
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def _is_replaced(self, run: asyncio.Task[None]) -> bool:
        """Wait for the end of a run, or until another process is to take over; whether that is so."""
        replaced = asyncio.create_task(self._replaced.wait())
        await asyncio.wait((run, replaced), return_when=asyncio.FIRST_COMPLETED)
        replaced.cancel()
        self._replaced.clear()
        if run.done() or self.process is None:
            await run
            return False
        self._leaving[run] = self.process
        run.add_done_callback(lambda ended: self._leaving.pop(ended, None))
        return True

    def replace(self) -> None:
        """Have another process take over: this one finishes what it has once the other is ready."""
        self._replaced.set()

    async def _run_once(self) -> None:
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(self._metrics_folder)}
        self.process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # not the working directory: what lies there is no part of this program
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(self._sock.fileno(),),
            env=environment,
        )
        assert process.stdin is not None and process.stdout is not None
        if (
            self._stopping
        ):  # while the process was started: the socket is closed, and nobody would tell it to end
            process.kill()
            await process.wait()
            return
        await self.may_begin.wait()
        with contextlib.suppress(ConnectionError):
            process.stdin.write(self._order() + b"\n")
            await process.stdin.drain()
        async for line in process.stdout:
            if self.process is process:
                self._hear(line)
        await process.wait()
        if self.process is process:
            self.report = WorkerReport()
        if self.ended is not None:
            self.ended(process.pid)

    def _hear(self, line: bytes) -> None:
        with contextlib.suppress(msgspec.MsgspecError):
            self.report = msgspec.json.decode(line, type=WorkerReport)
        if self.report.ready:
            self.ready.set()
            for process in self._leaving.values():
                _signal(process, signal.SIGTERM)

    def _order(self) -> bytes:
        """What the process is to do, in one line."""
        settings = self._settings.model_dump(mode="json")
        return msgspec.json.encode({"index": self.index, "socket": self._sock.fileno(), "settings": settings})

    def _status(self) -> str:
        code = self.process.returncode if self.process else None
        return f"signal {-code}" if code is not None and code < 0 else f"status {code}"

    def stop(self) -> None:
        """Have the worker drain and end."""
        self._stopping = True
        self.may_begin.set()
        self._signal_all(signal.SIGTERM)

    def kill(self) -> None:
        """End the worker at once."""
        self._signal_all(signal.SIGKILL)

    def _signal_all(self, number: signal.Signals) -> None:
        for process in (self.process, *self._leaving.values()):
            if process is not None:
                _signal(process, number)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        process.send_signal(number)


class Supervisor:
    """The processes of one node, from start to drain."""

    def __init__(
        self,
        settings: Settings,
        module: str,
        folder: HeldFolder,
        sockets: list[socket.socket],
        admin: socket.socket,
    ):
        self._settings = settings
        self._sockets = sockets
        self._admin_socket = admin
        self._folder = folder
        self._metrics_folder = metrics_folder = folder.path / "metrics"
        metrics_folder.mkdir(mode=0o700, exist_ok=True)
        for old in metrics_folder.glob("*.db"):
            old.unlink()
        self.workers = [
            WorkerProcess(index, module, settings, sock, metrics_folder) for index, sock in enumerate(sockets)
        ]

    def _reports(self) -> list[WorkerReport]:
        return [worker.report for worker in self.workers]

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT; the exit code. Raises StartError, sqlite3.Error or OSError."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        tasks = [asyncio.create_task(worker.keep_running()) for worker in self.workers]
        await asyncio.sleep(0)  # the processes are there now, and import what they need while this one does
        try:
            control = await self._control()
        except BaseException:
            await self._end_at_once(tasks)
            raise
        for worker in self.workers:
            worker.ended = control.forget_worker
            worker.may_begin.set()
        ready = asyncio.create_task(self._announce())
        stopping = asyncio.create_task(stop.wait())
        watching = asyncio.create_task(self._watch_folder())
        # These end by themselves only when they gave up.
        await asyncio.wait([stopping, watching, *tasks], return_when=asyncio.FIRST_COMPLETED)
        code = 0 if stopping.done() else 1
        name = self._settings.node_name
        if code == 0:
            log.info("%s is stopping: what is under way has %g s", name, self._settings.serve.drain)
        for one in (stopping, watching, ready):
            one.cancel()
        await self._drain(tasks)
        await control.close()
        if code == 0:
            log.info("%s has stopped", name)
        return code

    async def _control(self) -> Control:
        """The admin listener and the keeper. Imported here, as that takes as long as a worker takes to be there."""
        make = importlib.import_module("httpcache.serve.control").Control
        control: Control = make(self._settings, self._folder, self._metrics_folder, self._reports)
        await control.start(self._admin_socket)
        return control

    async def _watch_folder(self) -> None:
        """Make the data folder anew where it has gone, and have others use it; ends where it is another node's."""
        told = -QUIET
        while True:
            if await asyncio.to_thread(self._folder.look):
                await asyncio.sleep(LOOK_EVERY)
                continue
            try:
                await asyncio.to_thread(self._folder.make_anew)
                self._metrics_folder.mkdir(mode=0o700, exist_ok=True)
            except (DataFolderError, OSError) as error:
                if self._folder.is_taken:
                    log.error("ending: %s", error)
                    return
                if clock.monotonic() - told >= QUIET:
                    told = clock.monotonic()
                    log.error("the data folder has gone, and cannot be made anew now: %s", error)
                await asyncio.sleep(LOOK_EVERY)
                continue
            log.error("the data folder %s had gone: it is made anew, and so are workers", self._folder.path)
            for worker in self.workers:
                worker.replace()

    async def _end_at_once(self, tasks: list[asyncio.Task[None]]) -> None:
        for worker in self.workers:
            worker.stop()
            worker.kill()
        await asyncio.wait(tasks)

    async def _announce(self) -> None:
        for worker in self.workers:
            await worker.ready.wait()
        name, address = self._settings.node_name, self._settings.listen
        host, port = self._settings.admin_address
        log.info(
            "%s is ready on http://%s, admin on http://%s:%d, pid %d", name, address, host, port, os.getpid()
        )

    async def _drain(self, tasks: list[asyncio.Task[None]]) -> None:
        for sock in self._sockets:
            sock.close()
        for worker in self.workers:
            worker.stop()
        _, late = await asyncio.wait(tasks, timeout=self._settings.serve.drain + 2)
        for worker in self.workers:
            worker.kill()
        if late:
            await asyncio.wait(late)


def run(settings: Settings, module: str) -> int:
    """Run a node until it is told to stop; the exit code. Raises StartError before anything has started."""
    logging.basicConfig(
        level=settings.observe.log_level.upper(),
        format="%(asctime)s %(levelname)s %(message)s",
        stream=sys.stderr,
    )
    folder = Path(settings.data_folder)
    # Ports first: a start in vain leaves no folder behind.
    sockets = listening(*split_address(settings.listen), settings.workers, "listen")
    admin = listening(*settings.admin_address, 1, "admin")[0]
    try:
        with lock_data_folder(folder) as held:
            return _run_loop(lambda: Supervisor(settings, module, held, sockets, admin))
    except DataFolderError as error:
        raise StartError(f"data: {error}") from error
    except (OSError, sqlite3.Error) as error:
        raise StartError(f"data: cannot use {folder}: {reason(error)}") from error


def _run_loop(make: Callable[[], Supervisor]) -> int:
    async def main() -> int:
        return await make().run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())
