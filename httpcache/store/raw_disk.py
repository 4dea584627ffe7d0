"""diskcache's Disk, for octets only: it refuses to pickle and to unpickle, and writes a value at once."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sqlite3
from pathlib import Path
from typing import Any

from diskcache.core import MODE_BINARY, MODE_RAW, UNKNOWN, Disk

_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{24}\.val", re.ASCII)
"""Names of files as `filename` makes them: no other file is read or removed, whatever a row says."""


class NotOctets(ValueError):
    """A key or value that is not what this store writes: somebody else has written to the folder."""


class RawDisk(Disk):  # type: ignore[misc]
    """Keys are text, values octets. The stock class pickles others and unpickles what it finds (CVE-2025-69872)."""

    def __init__(self, directory: str, **settings: Any) -> None:
        super().__init__(directory, **settings)
        self._block = 0
        self.made: list[str] = []
        """Files made since this was last emptied: what to remove when their transaction fails."""

    def put(self, key: Any) -> tuple[str, bool]:
        """The database's form of a key."""
        if type(key) is not str:
            raise NotOctets(f"a key of type {type(key).__name__}")
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        """A key from its database form."""
        if not raw or type(key) is not str:
            raise NotOctets("a key that is not text")
        return key

    def store(self, value: Any, read: bool, key: Any = UNKNOWN) -> tuple[int, int, str | None, Any]:
        """Size, mode, file name and database value of octets; large ones go to a file in one write.

        The size is what the file takes on the disk, for the budget goes by that.
        """
        if type(value) is not bytes or read:
            raise NotOctets(f"a value of type {type(value).__name__}")
        if len(value) < self.min_file_size:
            return 0, MODE_RAW, None, sqlite3.Binary(value)
        name, path = self.filename(key, value)
        self.made.append(name)
        self._write_file(Path(path), value)
        return self._space(len(value)), MODE_BINARY, name, None

    def _space(self, length: int) -> int:
        """What a file of `length` bytes takes here, in bytes."""
        if not self._block:
            self._block = os.statvfs(self._directory).f_frsize
        return blocks_of(length, self._block)

    def filename(self, key: Any = UNKNOWN, value: Any = UNKNOWN) -> tuple[str, str]:
        """A new file's name: one of 256 folders, random within."""
        name = f"{secrets.token_hex(1)}/{secrets.token_hex(12)}.val"
        return name, f"{self._directory}/{name}"

    def _write_file(self, path: Path, value: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(path, flags, 0o600)
        try:
            self._write_octets(descriptor, value)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)

    @staticmethod
    def _write_octets(descriptor: int, value: bytes) -> None:
        view = memoryview(value)
        while view:
            view = view[os.write(descriptor, view) :]

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes | Path:
        """The octets of a row; with `read`, where they stand if they stand in a file."""
        if mode == MODE_RAW and type(value) is bytes:
            return value
        if mode == MODE_BINARY and type(filename) is str and _NAME.fullmatch(filename):
            path = Path(self._directory) / filename
            return path if read else path.read_bytes()
        raise NotOctets("a value that is not octets")

    def remove(self, file_path: Any) -> None:
        """Remove a value's file. Its folder stays: another process may be about to write there."""
        if type(file_path) is str and _NAME.fullmatch(file_path):
            with contextlib.suppress(OSError):
                os.unlink(f"{self._directory}/{file_path}")


def blocks_of(length: int, block: int) -> int:
    """What a file of `length` bytes takes on a disk that gives space by blocks, in bytes."""
    return -(-length // block) * block
