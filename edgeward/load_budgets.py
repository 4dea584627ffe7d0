"""How much room the nodes under load have: as their metrics tell, and what an object costs there beside its octets."""

from __future__ import annotations

from collections.abc import Iterable

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from edgeward.addresses import Server
from edgeward.simulate import Budgets
from httpcache.fetch.failures import reason
from httpcache.messages import Fields, Form, StoredResponse
from httpcache.setting_kinds import parse_size
from httpcache.shared_lines import shared_lines
from httpcache.store.ram import Shelf, cost_of
from httpcache.store.records import encode_record

BUDGET, HELD = "edgeward_store_budget_bytes", "edgeward_store_bytes"
ROW_COST = 1250
"""What the two rows of an object cost in the database of a disk store beside their values, in bytes: 950 when new,
1,400 later, when rows have come and gone and pages are filled in part."""

EMPTY = 28 * 2**10
"""What a disk store takes when it is empty, in bytes."""


class NoBudgets(Exception):
    """The budgets of a node are not known; the message says why."""


def parse_budgets(text: str) -> Budgets:
    """RAM, or RAM and disk, as in "64MiB,1GiB". Raises ValueError."""
    sizes = [parse_size(part.strip()) for part in text.split(",")]
    numbers = [size for size in sizes if isinstance(size, int)]
    if len(numbers) != len(sizes) or len(sizes) > 2:
        raise ValueError("write RAM,DISK as in 64MiB,1GiB")
    return Budgets(numbers[0], numbers[1] if len(numbers) > 1 else 0)


OWN = frozenset(("etag", "last-modified", "content-length", "cache-status", "surrogate-key", "cache-tag"))
"""Fields that differ from object to object; what else a head says, many say, and a node has it in memory once."""


async def read_budgets(session: aiohttp.ClientSession, admin: Server) -> tuple[Budgets, int]:
    """The budgets that a node's /metrics tells, and how many bytes it holds already. Raises NoBudgets."""
    try:
        async with session.get(f"{admin.url}/metrics") as response:
            text = await response.text()
        families = list(text_string_to_metric_families(text)) if response.status == 200 else []
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise NoBudgets(f"{admin.url}/metrics: {reason(error)}") from error
    told: dict[str, dict[str, int]] = {BUDGET: {}, HELD: {}}
    for sample in (one for family in families for one in family.samples if one.name in told):
        told[sample.name][sample.labels.get("store", "")] = int(sample.value)
    room, held = told[BUDGET], told[HELD]
    if "ram" not in room:
        raise NoBudgets(f"{admin.url}/metrics does not tell {BUDGET}")
    on_disk = max(0, held.get("disk", 0) - EMPTY)
    return Budgets(room["ram"], room.get("disk", 0)), max(on_disk, held.get("ram", 0))


def overheads(fields: Iterable[tuple[str, str]], uri: str, tag: str) -> list[tuple[int, int]]:
    """What an object costs beside its octets, in RAM and on disk, in bytes each: at the edge, at the shield.

    `fields` are those of an answer to a client, to which each tier has added a Via and a Cache-Status.
    """
    lines = list(fields)
    added = [at for at, line in enumerate(lines) if line[0].lower() == "cache-status"]
    costs = []
    for depth in range(len(added)):
        own = set(added[len(added) - 1 - depth :])
        own |= {at - 1 for at in own}  # the tier's Via stands before its Cache-Status
        stored = [line for at, line in enumerate(lines) if at not in own and line[0].lower() != "age"]
        costs.append(_overhead([*stored, ("Surrogate-Key", tag)], uri, tag))
    return costs


def _overhead(lines: list[tuple[str, str]], uri: str, tag: str) -> tuple[int, int]:
    key = f"http://{uri}"
    form = Form("", "0" * 55, 1000, ((0, 1000),))
    fields = Fields([line if line[0].lower() in OWN else _of_two_heads(line) for line in lines])
    stored = StoredResponse(key, uri, 200, "OK", fields, 1e9, 1e9, tags=(tag,), forms=(form,))
    return cost_of(key, Shelf((stored,), {form.body_id: b""})), len(encode_record(key, (stored,))) + ROW_COST


def _of_two_heads(line: tuple[str, str]) -> tuple[str, str]:
    """A line as it stands in memory once another head has had it, too."""
    first, second = (line[0], line[1]), (line[0], line[1])
    shared_lines.share(first)
    return shared_lines.share(second)
