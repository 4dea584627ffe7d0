"""The purge API on the admin listener: orders, receipts, history."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path

from aiohttp import web

from httpcache import clock
from httpcache.purge import openapi
from httpcache.purge.answering import add_purge_method, bearer, read_body, read_number, read_wait, refuse
from httpcache.purge.batches import is_dry, parse_orders
from httpcache.purge.bus import TooLarge, Unbelieved, Uncertain
from httpcache.purge.bus_orders import MOST_ORDERS
from httpcache.purge.counting import document
from httpcache.purge.feed_api import FeedApi
from httpcache.purge.keeper import LogKeeper
from httpcache.purge.log import Logged, Wish
from httpcache.purge.nodes_api import NodesApi
from httpcache.purge.noting import SHOWN, noted
from httpcache.purge.orders import told
from httpcache.purge.problems import Problem
from httpcache.purge.relay import Relay
from httpcache.purge.signer import asker_of, operator_of
from httpcache.purge.watch import Watch
from httpcache.settings import Settings

log = logging.getLogger("edgeward.purge")

OWN_WAIT = 2.0
"""Longest wait of an order for the keeper's own workers, in seconds."""
COUNT_WAIT = 5.0
"""Longest wait for workers that have been asked to count, beyond `count_time`, in seconds."""
HISTORY = 1000
"""Orders in one answer of the history."""
HISTORY_OCTETS = 4 * 2**20
"""Octets, about, of orders in one answer of the history; a single order may be larger."""
REPLAYED = Problem(401, "token-replayed", "A token with that `jti` has been used.")


def add_routes(app: web.Application, settings: Settings, folder: Path, keeper: LogKeeper | None) -> None:
    """Mount the API; without a keeper, what it says is asked of the node that keeps the log."""
    Watch(settings.purge, folder).mount(app)
    app.router.add_get("/v1/openapi.json", openapi.answer)
    if keeper is None:
        Relay(settings, folder).mount(app)
        return
    api = PurgeApi(keeper)
    app.router.add_post("/v1/purges", api.order)
    app.router.add_get("/v1/purges", api.history)
    app.router.add_get("/v1/purges/{id}", api.receipt)
    feed = FeedApi(keeper)
    feed.mount(app)
    NodesApi(keeper, feed.follows).mount(app)
    add_purge_method(app, api.order)
    app.on_shutdown.append(api.close)


class PurgeApi:
    """The routes of the node that keeps the log."""

    def __init__(self, keeper: LogKeeper) -> None:
        self._keeper = keeper
        self._closing = asyncio.Event()

    async def close(self, _: web.Application) -> None:
        """End the feeds and whoever waits for a receipt."""
        self._closing.set()
        self._keeper.feed.close()

    async def order(self, request: web.Request) -> web.Response:
        """POST /v1/purges: 200 with the receipt once all have confirmed, else 202 with the receipt so far."""
        body = await read_body(request)
        if isinstance(body, Problem):
            return refuse(body)
        wish = await self._wish(request, body)
        if isinstance(wish, Problem):
            return refuse(wish)
        wanted, wait = wish
        try:
            if is_dry(body):
                return await self._counted(wanted, wait)
            logged = await self._keeper.append(wanted)
        except (sqlite3.Error, OSError) as error:
            return refuse(_unwritten(error))
        if not logged:
            return refuse(REPLAYED)
        noted.get().id = f"{self._keeper.door.log.epoch}.{logged[-1].n}"
        began = clock.monotonic()
        await self._confirmed(logged[-1], OWN_WAIT, own=True)
        return await self._receipt(logged[-1], wait - (clock.monotonic() - began), first=logged[0].n)

    async def _counted(self, dry: Wish, wait: float) -> web.Response:
        """What a dry order would match, node by node; nothing is applied. Raises sqlite3.Error."""
        noted.get().is_dry = True
        if not await self._keeper.door.run(self._keeper.door.log.use, dry.who, dry.jti, dry.exp):
            return refuse(REPLAYED)
        limit = wait or self._keeper.settings.purge.count_time + COUNT_WAIT
        return web.json_response(document(await self._keeper.count(dry, limit)))

    async def _wish(self, request: web.Request, body: bytes) -> tuple[Wish, float] | Problem:
        """What is ordered, by whom, and how long they wait; the signature is looked at before the body."""
        signer = await operator_of(request, body, self._keeper.gate)
        if isinstance(signer, Problem):
            return signer
        claims, key = signer
        purge = self._keeper.settings.purge
        most = min(purge.orders, MOST_ORDERS) if purge.bus else purge.orders
        parsed = parse_orders(body, purge.targets, most, dry=is_dry(body))
        if isinstance(parsed, Problem):
            return parsed
        orders, wait = parsed
        noted.get().orders = [told(order) for order in orders[:SHOWN]]
        lacking = next(filter(None, map(claims.missing_for, orders)), None)
        return lacking or (
            Wish(orders, key.name, claims.jti, claims.exp, self._keeper.now(), body, str(bearer(request))),
            wait,
        )

    async def _receipt(self, logged: Logged, wait: float, first: int | None = None) -> web.Response:
        """The receipt; of a batch it is the last order's, which covers all, and names the `first`."""
        if wait > 0:
            await self._confirmed(logged, wait)
        receipt = self._keeper.receipt(logged)
        if first is not None and first < logged.n:
            receipt["first"] = first
        return web.json_response(receipt, status=200 if receipt["confirmed"] else 202)

    async def _confirmed(self, logged: Logged, wait: float, *, own: bool = False) -> None:
        """Wait for the node's own workers or for all; no longer than `wait` seconds or until the listener closes."""
        node = self._keeper.settings.node_name if own else None
        waiting = asyncio.ensure_future(self._keeper.ledger.confirmed(logged.n, wait, node))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait([waiting, closing], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            closing.cancel()

    async def receipt(self, request: web.Request) -> web.Response:
        """GET /v1/purges/{id}: the receipt, after at most `wait` seconds."""
        asker = await asker_of(request, self._keeper.gate)
        if isinstance(asker, Problem):
            return refuse(asker)
        wait = read_wait(request)
        if isinstance(wait, Problem):
            return refuse(wait)
        epoch, _, number = request.match_info["id"].partition(".")
        n = read_number(number)
        logged = None
        if n is not None and read_number(epoch) == self._keeper.door.log.epoch:
            logged = await self._keeper.find(n)
        if logged is None:
            return refuse(Problem(404, "order-unknown", "The log has no order of that id."))
        if asker is not None and (lacking := asker.missing_for(logged.order)) is not None:
            return refuse(lacking)
        return await self._receipt(logged, wait)

    async def history(self, request: web.Request) -> web.Response:
        """GET /v1/purges?after=N: orders with greater numbers, the oldest first; only so many at once."""
        asker = await asker_of(request, self._keeper.gate)
        if isinstance(asker, Problem):
            return refuse(asker)
        if asker is not None and asker.is_narrowed:
            return refuse(
                Problem(403, "right-missing", "The token is narrowed: others' orders are not for it.")
            )
        after = read_number(request.query.get("after", "0"))
        if after is None:
            return refuse(Problem(400, "after-malformed", "`after` is the number of an order."))
        purge_log = self._keeper.door.log
        found = await self._keeper.door.run(purge_log.after, after, HISTORY, HISTORY_OCTETS)
        history = {"epoch": purge_log.epoch, "start": purge_log.start, "newest": purge_log.newest}
        return web.json_response({**history, "orders": [self._keeper.entry(logged) for logged in found]})


def _unwritten(error: Exception) -> Problem:
    """Why an order is not in the log, and what is known of it all the same."""
    if isinstance(error, TooLarge):
        return Problem(413, "order-too-large", "The order is too large for the bus.")
    log.error("an order could not be written to the purge log: %s", error)
    if isinstance(error, Unbelieved):
        reason = (
            "The bus has the order, but by its clock and keys it does not hold: it is not applied as it is."
        )
        return Problem(503, "order-unbelieved", f"{reason} Compare the clocks of nodes and bus.")
    if isinstance(error, Uncertain):
        reason = "The bus has not confirmed the order: it may be applied or not."
        return Problem(503, "order-uncertain", f"{reason} Order again.")
    return Problem(503, "log-unwritable", "The order could not be made durable; it is not applied.")
