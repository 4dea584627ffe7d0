"""The data folder of a node: ours alone, and one node's at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path


class DataFolderError(Exception):
    """The data folder cannot be used; the message says why, in one line."""


@contextlib.contextmanager
def lock_data_folder(folder: Path) -> Iterator[Path]:
    """Make the folder (0700) and hold it until the block ends. Raises DataFolderError."""
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
    except OSError as error:
        os.close(descriptor)
        raise DataFolderError(f"{folder} is in use by another node: give each its own") from error
    try:
        os.utime(descriptor)
        yield folder
    finally:
        os.close(descriptor)


def held_since(folder: Path) -> float:
    """When the node that holds a folder took it, in Unix seconds; now, where nobody holds it."""
    now = time.time()
    try:
        return min(now, (folder / "lock").stat().st_mtime)
    except OSError:
        return now
