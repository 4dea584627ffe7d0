"""Opens stores for tests, waits for their writing threads, and fills their disks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from httpcache.messages import StoredResponse
from httpcache.settings import StoreSettings
from httpcache.store.raw_disk import RawDisk
from httpcache.store.tiered import TieredStore
from tests.store.things import stored

SEGMENT = 64 * 2**10


def settings(ram: int = 2**22, disk: int = 2**24, **more) -> StoreSettings:
    return StoreSettings(ram=ram, disk=disk, segment=SEGMENT, **more)


async def opened(folder: Path, *, worker: int = 0, **more) -> TieredStore:
    made = TieredStore(settings(**more), folder, worker=worker)
    await made.start()
    return made


def written(store: TieredStore) -> None:
    """Wait until everything added so far is on disk, or was given up."""
    if store.disk is None:
        return
    assert store.disk._writer.is_done_with_chore.wait(20)
    done = threading.Event()
    store.disk._writer.add([], done=lambda _: done.set())
    assert done.wait(20)


async def settled(store: TieredStore) -> None:
    await asyncio.to_thread(written, store)


def filled(
    store: TieredStore, key: str, length: int, received: float = 1000.0
) -> tuple[StoredResponse, bytes]:
    """A response with a random body, kept."""
    body = os.urandom(length)
    one = stored(key, store.new_body_id(key), length, received=received)
    store.keep(one, {one.forms[0].body_id: body})
    return one, body


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Within this, no file of a value can be written: half of one is, as on a disk that fills up."""
    real = RawDisk._write_octets

    def half(descriptor: int, value: bytes) -> None:
        real(descriptor, value[: len(value) // 2])
        raise OSError(28, "No space left on device")

    RawDisk._write_octets = staticmethod(half)
    try:
        yield
    finally:
        RawDisk._write_octets = staticmethod(real)
