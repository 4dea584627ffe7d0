"""The data folder of a node: ours alone, and one node's at a time; made anew where it vanishes while we hold it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

KEYS = "keys"
"""Folder of the node's keys, within the data folder."""

DATABASE = Path("store", "cache.db")
"""What tells, within the data folder, that there is a disk store."""

QUIET, LONGEST = 1.0, 30.0
"""How long nothing may have changed in a folder that has gone before it is made anew, and the longest wait for that, in
seconds: who removes it may not be done yet."""

LARGEST_KEY = 2**20
"""Longest file of keys that is remembered, in bytes."""


class DataFolderError(Exception):
    """The data folder cannot be used; the message says why, in one line."""


class HeldFolder:
    """A data folder while this process holds it. Raises DataFolderError where it cannot be held."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: dict[str, bytes] = {}
        self._store: tuple[int, int] | None = None
        """Which file the database of the disk store is."""
        self.looks = 0
        """How often everything has been found in its place."""
        self.is_taken = False
        """Whether another node has it."""
        self._descriptor = self._take()

    def _take(self) -> int:
        """Make it (0700), and the lock in it; the lock's descriptor."""
        folder = self.path
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            about = folder.stat()
            if about.st_uid != os.geteuid():
                raise DataFolderError(
                    f"{folder} belongs to another user (uid {about.st_uid}): what it holds is not trusted"
                )
            if about.st_mode & 0o022:
                raise DataFolderError(f"{folder} can be written to by others: chmod go-w it")
            descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataFolderError(f"cannot use {folder}: {error.strerror or error}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.utime(descriptor)
        except OSError as error:
            os.close(descriptor)
            self.is_taken = True
            raise DataFolderError(f"{folder} is in use by another node: give each its own") from error
        return descriptor

    def look(self) -> bool:
        """Whether all is there that this process relies on; what the keys are is remembered then. Blocks."""
        if not self._holds_lock():
            return False
        store = _identity(self.path / DATABASE)
        if self._store is not None and store != self._store:
            return False  # workers may have another one in hand than those who come to it now
        self._store = store
        try:
            self._keys = dict(_read_keys(self.path / KEYS))
        except OSError:
            return not self._keys
        self.looks += 1
        return True

    def _holds_lock(self) -> bool:
        held = os.fstat(self._descriptor)
        return _identity(self.path / "lock") == (held.st_dev, held.st_ino)

    def make_anew(self) -> None:
        """Take the folder again after it has gone, with the keys that were in it: by these others know the node.

        Blocks. Raises DataFolderError, also where another node has taken it, and OSError.
        """
        self._wait_for_quiet()
        if not self._holds_lock():
            descriptor = self._take()
            os.close(self._descriptor)
            self._descriptor = descriptor
        self._store = None
        (self.path / KEYS).mkdir(mode=0o700, exist_ok=True)
        for name, octets in self._keys.items():
            _write(self.path / KEYS / name, octets)

    def _wait_for_quiet(self) -> None:
        until, seen = time.monotonic() + LONGEST, self._state()
        while time.monotonic() < until:
            time.sleep(QUIET)
            before, seen = seen, self._state()
            if seen == before:
                return

    def _state(self) -> list[tuple[str, int]]:
        """What tells whether anybody is at work in the folder."""
        state = []
        for folder in (self.path, self.path / DATABASE.parent):
            with contextlib.suppress(OSError):
                state += [
                    (one.name, one.stat().st_mtime_ns if one.is_dir() else 0) for one in folder.iterdir()
                ]
        return sorted(state)

    def close(self) -> None:
        """Let others have it."""
        os.close(self._descriptor)


@contextlib.contextmanager
def lock_data_folder(folder: Path) -> Iterator[HeldFolder]:
    """Make the folder (0700) and hold it until the block ends. Raises DataFolderError."""
    held = HeldFolder(folder)
    try:
        yield held
    finally:
        held.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino


def _read_keys(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.iterdir():
        if path.is_file() and not path.name.startswith("."):
            with path.open("rb") as file:
                yield path.name, file.read(LARGEST_KEY)


def _write(path: Path, octets: bytes) -> None:
    """Write a whole file, 0600, in the place of one that a worker may have made which was just being started."""
    draft = path.with_name(f".{path.name}.kept")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(octets)
    draft.replace(path)


def held_since(folder: Path) -> float:
    """When the node that holds a folder took it, in Unix seconds; now, where nobody holds it."""
    now = time.time()
    try:
        return min(now, (folder / "lock").stat().st_mtime)
    except OSError:
        return now
