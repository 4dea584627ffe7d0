"""A table of fixed size in memory that all workers of a node share, by a file in the data folder."""

from __future__ import annotations

import logging
import mmap
import os
from pathlib import Path

import xxhash

log = logging.getLogger(__name__)


def shared_memory(path: Path | None, size: int) -> mmap.mmap:
    """`size` zeroed octets, or what stands in the file. Without a path they are this process's own.

    A file that cannot be mapped is no reason not to serve: then the octets are this process's own too.
    Its blocks are reserved here: to write into a hole of a mapped file on a full disk kills the process (SIGBUS).
    """
    if path is None:
        return mmap.mmap(-1, size)
    try:
        return mapped(path, size)
    except OSError as error:
        log.warning("store: cannot map %s, so workers do not share it: %s", path.name, error)
        return mmap.mmap(-1, size)


def mapped(path: Path, size: int) -> mmap.mmap:
    """`size` octets of a file, which is made where there is none. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(descriptor).st_size != size:
            os.ftruncate(descriptor, size)
        os.posix_fallocate(descriptor, 0, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)


def slot_of(name: str, slots: int) -> int:
    """The slot of a name."""
    return xxhash.xxh3_64_intdigest(name.encode("utf-8", "surrogateescape")) % slots
