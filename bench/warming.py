"""Asks for each of a list of paths, as many times as there are: stores that are compared are warmed by count."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from edgeward.addresses import parse_server
from edgeward.load_client import Target


def ask_for(port: int, paths: Iterable[str], at_a_time: int = 32) -> None:
    """Ask a server on loopback for each path in turn. Raises RuntimeError when one is not answered with 200."""
    asyncio.run(_ask_for(port, iter(paths), at_a_time))


async def _ask_for(port: int, paths: Iterator[str], at_a_time: int) -> None:
    target = Target(parse_server(f"http://127.0.0.1:{port}"), f"127.0.0.1:{port}")

    async def in_turn() -> None:
        for path in paths:
            reply = await target.ask(path)
            if reply.status != 200:
                raise RuntimeError(f"{path} was answered with {reply.status}")

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_a_time):
                group.create_task(in_turn())
    finally:
        target.close()
