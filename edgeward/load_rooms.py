"""What the nodes under load have room for, and what they held before the run: asked of their admin listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from edgeward.addresses import Server
from edgeward.load_budgets import EMPTY, NoBudgets, overheads, read_budgets
from edgeward.load_compare import Stores
from edgeward.simulate import Budgets
from httpcache.settings import admin_port

PROBE = "/objects/probe?size=1000&tag=group-0"
"""What is asked for to see which fields the tiers store beside a body."""

SHIELD = "shield"
"""What the shield is called among what nodes held; edges are called by their URLs."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """Where the budgets of the nodes under load are known from: given, or read from their admin listeners."""

    edge: Budgets | None = None
    shield: Budgets | None = None
    edge_admin: Server | None = None
    shield_admin: Server | None = None
    limit: float = 120.0
    """Longest time for one policy, in seconds; 0: none is simulated."""


@dataclass(frozen=True, slots=True)
class Found:
    """Room of each tier, or `why_not`; what each node held before the run, in bytes, None where it is not known."""

    stores: Stores | None = None
    held: Mapping[str, int | None] = field(default_factory=dict)
    why_not: str = ""

    def told(self) -> dict[str, Any]:
        """As the report has it."""
        budgets = None
        if self.stores is not None:
            rooms = {"edge": self.stores.edge, "shield": self.stores.shield}
            budgets = {tier: _told(one) for tier, one in rooms.items() if one is not None}
        return {"budgets": budgets, "held_before": dict(self.held), "policies": [], "why_not": self.why_not}


def _told(room: Budgets) -> dict[str, int]:
    in_ram, on_disk = room.overhead
    return {"ram": room.ram, "disk": room.disk, "beside_in_ram": in_ram, "beside_on_disk": on_disk}


async def find_rooms(rooms: Rooms, targets: Sequence[Server], host: str) -> Found:
    """Ask the nodes. Called before anything else is asked of them: what they hold then is from before the run."""
    admins = {target.url: admin_of(target) for target in targets}
    if rooms.edge_admin is not None:
        admins[targets[0].url] = rooms.edge_admin
    if rooms.shield_admin is not None:
        admins[SHIELD] = rooms.shield_admin
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        answers = await asyncio.gather(*(_read(session, admin) for admin in admins.values()))
        read = dict(zip(admins, answers, strict=True))
        costs = await _overheads(session, targets[0], host)
    held = {name: None if isinstance(one, NoBudgets) else one[1] for name, one in read.items()}
    if rooms.shield is not None:
        held.setdefault(SHIELD, None)
    try:
        edge = rooms.edge or _budgets(read[targets[0].url])
        shield = rooms.shield or (_budgets(read[SHIELD]) if SHIELD in read else None)
    except NoBudgets as error:
        return Found(held=held, why_not=str(error))
    at_edge = costs[0] if costs else (0, 0)
    at_shield = costs[1] if len(costs) > 1 else at_edge
    return Found(Stores(_with(edge, at_edge), _with(shield, at_shield) if shield else None), held)


async def _read(session: aiohttp.ClientSession, admin: Server) -> tuple[Budgets, int] | NoBudgets:
    try:
        return await read_budgets(session, admin)
    except NoBudgets as error:
        return error


def _budgets(read: tuple[Budgets, int] | NoBudgets) -> Budgets:
    if isinstance(read, NoBudgets):
        raise read
    return read[0]


def _with(room: Budgets, beside: tuple[int, int]) -> Budgets:
    """A node's room for objects that cost something beside their octets."""
    return Budgets(room.ram, max(0, room.disk - EMPTY), beside)


def admin_of(target: Server) -> Server:
    """The admin listener that a node has unless it is told otherwise, on the same address."""
    port = admin_port(target.port)
    return Server("http", target.host, port, f"{target.authority.rsplit(':', 1)[0]}:{port}")


async def _overheads(session: aiohttp.ClientSession, target: Server, host: str) -> list[tuple[int, int]]:
    try:
        async with session.get(f"{target.url}{PROBE}", headers={"Host": host}) as response:
            await response.read()
    except (TimeoutError, aiohttp.ClientError, OSError):
        return []
    return overheads(response.headers.items(), f"{host}{PROBE}", "group-0")
