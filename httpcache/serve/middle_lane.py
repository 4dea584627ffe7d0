"""The middle lane: plain requests that nothing ready in RAM answers, given to the transaction without the framework."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from httpcache import clock
from httpcache.fetch.failures import NextHopError
from httpcache.messages import RequestHead, ResponseHead
from httpcache.rules.forwarding import without_hop_by_hop
from httpcache.serve.bodies import StoredContent
from httpcache.serve.exchange import Answer, BrokenOff, Incoming, as_closeable
from httpcache.serve.limits import Watch, told
from httpcache.serve.outgoing import Outgoing, head_octets
from httpcache.serve.peers import Peers
from httpcache.serve.plain_head import END, plain_request, read_plain_head
from httpcache.serve.protocol import Connection
from httpcache.serve.sending import send_body
from httpcache.serve.telling import Delivery, Telling
from httpcache.settings import ServeSettings

log = logging.getLogger(__name__)


class MiddleLane:
    """The middle lane of one worker."""

    def __init__(
        self,
        answer: Callable[[Incoming], Awaitable[Answer]],
        peers: Peers,
        telling: Telling,
        settings: ServeSettings,
    ) -> None:
        self._answer = answer
        self._peers = peers
        self._telling = telling
        self._settings = settings
        self.begun = 0
        """All requests so far."""

    def answer(self, connection: Connection, data: bytes) -> bytes:
        """Begin to answer the request that `data` begins with, in `connection.task`; what is behind that request.

        `data` begins where a request begins. There is no task when it is not for this lane.
        """
        end = data.find(END) + len(END)
        watch, transport = connection.watch, connection.transport
        if end < len(END) or end > self._settings.head_size or watch is None or transport is None:
            return data
        octets = data if end == len(data) else data[:end]
        plain = read_plain_head(octets)
        head = (
            plain_request(plain, connection.peer, self._peers, self._settings) if plain is not None else None
        )
        if plain is None or head is None:
            return data
        client = self._peers.client(connection.peer, plain.values.get("x-forwarded-for"))
        watch.busy = True
        self.begun += 1
        answering = self._respond(connection, watch, transport, head, client)
        connection.task = asyncio.get_running_loop().create_task(answering)
        return data[end:]

    async def _respond(
        self,
        connection: Connection,
        watch: Watch,
        transport: asyncio.Transport,
        head: RequestHead,
        client: str,
    ) -> None:
        began, outgoing = clock.monotonic(), Outgoing(connection, transport)
        try:
            await outgoing.drain()  # by whoever answered before
            answer = await self._answer(Incoming(head, client, None, _interim_to(outgoing)))
            await self._send(outgoing, head, client, began, answer)
        except ConnectionError:
            transport.abort()
        except Exception as error:
            log.error("answering a request failed", exc_info=error)
            _fail(outgoing)
        finally:
            watch.busy = False
            connection.answered()

    async def _send(
        self, outgoing: Outgoing, head: RequestHead, client: str, began: float, answer: Answer
    ) -> None:
        delivery = Delivery()
        try:
            await _deliver(outgoing, head, answer, delivery)
        except asyncio.CancelledError:
            delivery.end = delivery.end or "client-left"
            raise
        finally:
            self._telling.tell(head, client, began, answer.head.status, answer.handling, delivery)


async def _deliver(outgoing: Outgoing, request: RequestHead, answer: Answer, delivery: Delivery) -> None:
    try:
        has_content = request.method != "HEAD" and answer.head.status not in (204, 304)
        outgoing.begin(answer.head, has_content=has_content)
        if has_content and isinstance(answer.body, bytes):
            await outgoing.write(answer.body)
            delivery.sent = len(answer.body)
        elif has_content:
            if not isinstance(answer.body, StoredContent):
                outgoing.send_headers()  # its content may be long in coming
            await send_body(cast(Any, outgoing), cast(Any, outgoing), answer.body, delivery)
        outgoing.finish()
    except (BrokenOff, NextHopError):
        # The head is out: only an end before its time tells the client that octets are missing (RFC 9112 §8).
        delivery.end = "broken-off"
        await asyncio.sleep(0)  # what was written last goes out at the end of this turn of the loop
        outgoing.transport.abort()
    except ConnectionError:
        delivery.end = "client-left"  # what it asked for goes on arriving for others
    finally:
        if (held := as_closeable(answer.body)) is not None:
            await asyncio.shield(held.aclose())


def _interim_to(outgoing: Outgoing) -> Callable[[ResponseHead], None]:
    """Writes interim responses to a client (RFC 9110 §15.2)."""

    def write(head: ResponseHead) -> None:
        if outgoing.output_size == 0 and not outgoing.transport.is_closing():
            interim = ResponseHead(head.status, without_hop_by_hop(head.fields), head.reason or "Interim")
            outgoing.transport.write(head_octets(interim, is_chunked=False))

    return write


def _fail(outgoing: Outgoing) -> None:
    """Tell a client of a fault of ours, where its answer has not begun, and end the connection."""
    if outgoing.output_size == 0 and not outgoing.transport.is_closing():
        outgoing.transport.write(told(500, "Internal Server Error", "internal error"))
        outgoing.transport.close()
    else:
        outgoing.transport.abort()
