"""NATS JetStream as the purge log: one stream of signed orders, and a bucket where each node tells how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

try:
    import nats
    from nats.js import api, errors
except ImportError:
    nats = None  # type: ignore[assignment]

from httpcache.purge.tokens import LONGEST_LIFE
from httpcache.purge_settings import PurgeSettings

log = logging.getLogger("edgeward.purge")

SLACK = 300.0
"""Seconds by which the server's clock may differ from that of the node which took an order, or the order be late.

That node has looked at the token's times already; what it took must hold everywhere.
"""
ANSWER = 5.0
"""Longest wait for an answer of the server, in seconds."""
TOKEN_FIELD = "Edgeward-Token"
FIELDS = 256
"""Bytes that the fields of a message take beside their values, at the most."""
INBOX = "_INBOX."
"""How the subjects begin on which answers are waited for: nothing else is ever answered."""
MOST_WAITING = 256
"""Questions, and answers to one, that may wait to be looked at."""
LARGEST_RUN = 256
"""Messages that are taken together."""


class BusError(OSError):
    """The bus cannot be reached, or refuses; the message says why."""


class Uncertain(BusError):
    """A message was sent, and nobody can tell whether the server has it."""


class Unbelieved(BusError):
    """The server has an order which the nodes do not believe."""


class TooLarge(BusError):
    """A message is larger than the server takes."""


@dataclass(frozen=True, slots=True)
class End:
    """Where the stream begins and ends. `epoch` tells one stream from another that has taken its place."""

    epoch: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the stream: its number, when the server took it (Unix seconds), body and token."""

    n: int
    at: float
    body: bytes
    token: str


@dataclass(frozen=True, slots=True)
class Question:
    """What another node asks everybody, and where it waits for answers."""

    text: bytes
    reply: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a node has put into the bucket; empty once somebody has taken it out. `at` is Unix seconds."""

    node: str
    value: bytes
    at: float


def is_there() -> bool:
    """Whether nats-py is installed: it is an extra."""
    return nats is not None


class Bus:
    """One connection. It never reconnects by itself: once it is broken, every call raises BusError."""

    def __init__(self, settings: PurgeSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._subject = f"{settings.bus_name}.orders"
        self._stream = f"{settings.bus_name}-orders"
        self._bucket = f"{settings.bus_name}-nodes"
        self._questions = f"{settings.bus_name}.questions"
        self._client: Any = None
        self._stream_context: Any = None
        self._store: Any = None
        self._broken = asyncio.Event()

    async def open(self) -> None:
        """Connect; make the stream and the bucket where they are not there yet. Raises BusError."""
        self._client = await _asked(
            nats.connect(
                self._settings.bus.split(","),
                name=self._name,
                allow_reconnect=False,
                connect_timeout=int(ANSWER),
                ping_interval=max(1, int(self._settings.heartbeat)),
                max_outstanding_pings=2,
                error_cb=_quiet,
                disconnected_cb=self._break,
                closed_cb=self._break,
                drain_timeout=1,
            )
        )
        self._stream_context = self._client.jetstream(timeout=ANSWER)
        await self._make_stream()
        self._store = await self._make_bucket()

    async def _make_stream(self) -> None:
        config = api.StreamConfig(
            name=self._stream,
            subjects=[self._subject],
            storage=api.StorageType.FILE,
            max_age=self._settings.log_age,
            max_msgs=self._settings.log_count,
            # A token is good once: for as long as it may live, the server remembers that it has come.
            duplicate_window=min(LONGEST_LIFE + 2 * SLACK, self._settings.log_age),
            num_replicas=self._settings.bus_replicas,
            allow_direct=False,
        )
        if await self._end_or_none() is None:
            await _asked(self._stream_context.add_stream(config))

    async def _make_bucket(self) -> Any:
        try:
            return await self._stream_context.key_value(self._bucket)
        except errors.NotFoundError:
            config = api.KeyValueConfig(bucket=self._bucket, history=1, replicas=self._settings.bus_replicas)
            return await _asked(self._stream_context.create_key_value(config))
        except Exception as error:
            raise BusError(_words(error)) from error

    async def _break(self) -> None:
        self._broken.set()

    async def lost(self) -> None:
        """Wait until the connection is lost, which calls under way would learn late. Raises BusError."""
        await self._broken.wait()
        raise BusError("NATS: the connection is lost")

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            with contextlib.suppress(Exception):
                await self._client.close()

    async def end(self) -> End:
        """Where the stream begins and ends now. Raises BusError, also when it has gone."""
        found = await self._end_or_none()
        if found is None:
            raise BusError("the stream of orders has gone")
        return found

    async def _end_or_none(self) -> End | None:
        try:
            info = await self._stream_context.stream_info(self._stream)
        except errors.NotFoundError:
            return None
        except Exception as error:
            raise BusError(_words(error)) from error
        # An empty stream that has been trimmed begins behind its end.
        return End(_epoch(info.created), max(1, info.state.first_seq), info.state.last_seq)

    async def taken_at(self, message: int) -> float:
        """When the server took a message, in Unix seconds. Raises BusError, also when it has not got it."""
        return float((await _asked(self._stream_context.get_msg(self._stream, message))).time.timestamp())

    async def remake(self) -> None:
        """Delete the stream and make it anew, with another epoch. Raises BusError."""
        await _asked(self._stream_context.delete_stream(self._stream))
        await self._make_stream()

    async def publish(self, body: bytes, token: str, once: str) -> int | None:
        """Append a message; its number once the server has it, None when one of the name `once` has come before.

        Raises TooLarge, or Uncertain when no answer comes.
        """
        if len(body) + len(token) + len(once) + FIELDS > self._client.max_payload:
            raise TooLarge(f"NATS: a message has at most {self._client.max_payload} bytes")
        fields = {"Nats-Msg-Id": once, TOKEN_FIELD: token}
        try:
            ack = await _asked(
                self._stream_context.publish(self._subject, body, stream=self._stream, headers=fields)
            )
        except BusError as error:
            raise Uncertain(str(error)) from error
        return None if ack.duplicate else int(ack.seq)

    @contextlib.asynccontextmanager
    async def messages(self, after: int) -> AsyncIterator[Callable[[float], Awaitable[list[Message]]]]:
        """Gives a call that waits at most so many seconds for the next messages behind `after`, in order."""
        config = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after + 1
        )
        came: asyncio.Queue[Message] = asyncio.Queue()

        async def take(message: Any) -> None:
            fields = message.headers or {}
            data = message.metadata
            token = str(fields.get(TOKEN_FIELD, ""))
            came.put_nowait(Message(data.sequence.stream, data.timestamp.timestamp(), message.data, token))

        subscription = await _asked(
            self._stream_context.subscribe(
                self._subject, stream=self._stream, ordered_consumer=True, config=config, cb=take
            )
        )

        async def next_run(seconds: float) -> list[Message]:
            try:
                async with asyncio.timeout(seconds):
                    run = [await came.get()]
            except TimeoutError:
                return []
            while len(run) < LARGEST_RUN and not came.empty():
                run.append(came.get_nowait())
            return run

        try:
            yield next_run
        finally:
            with contextlib.suppress(Exception):
                await subscription.unsubscribe()

    async def tell(self, node: str, value: bytes) -> None:
        """Put what a node has to tell into the bucket. Raises BusError."""
        await _asked(self._store.put(node, value))

    @contextlib.asynccontextmanager
    async def asked(self, text: bytes) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
        """Ask everybody who listens now; gives a call that waits for the next answer. Raises BusError."""
        inbox = self._client.new_inbox()
        subscription = await _asked(self._client.subscribe(inbox, pending_msgs_limit=MOST_WAITING))
        try:
            await _asked(self._client.publish(self._questions, text, reply=inbox))

            async def next_answer() -> bytes:
                return bytes((await _asked(subscription.next_msg(timeout=None))).data)

            yield next_answer
        finally:
            with contextlib.suppress(Exception):
                await subscription.unsubscribe()

    @contextlib.asynccontextmanager
    async def questions(self) -> AsyncIterator[Callable[[], Awaitable[Question]]]:
        """Gives a call that waits for the next question of another node. Raises BusError."""
        subscription = await _asked(self._client.subscribe(self._questions, pending_msgs_limit=MOST_WAITING))

        async def next_question() -> Question:
            while True:
                message = await _asked(subscription.next_msg(timeout=None))
                if message.reply.startswith(INBOX):
                    return Question(bytes(message.data), message.reply)

        try:
            yield next_question
        finally:
            with contextlib.suppress(Exception):
                await subscription.unsubscribe()

    async def reply(self, question: Question, text: bytes) -> None:
        """Answer a question. Raises BusError."""
        await _asked(self._client.publish(question.reply, text))

    async def told(self) -> AsyncIterator[Told]:
        """What every node has told, then each change. Raises BusError."""
        watcher = await _asked(self._store.watchall())
        try:
            while True:
                entry = await watcher._updates.get()
                if entry is None:
                    continue  # all that was there has been told
                if entry is watcher.STOP_ITER:
                    raise BusError("the watch has ended")
                value = b"" if entry.operation in ("DEL", "PURGE") else entry.value or b""
                yield Told(entry.key, value, entry.created.timestamp())
        finally:
            with contextlib.suppress(Exception):
                await watcher.stop()


async def _asked(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except (OSError, TimeoutError) as error:
        raise BusError(_words(error)) from error
    except Exception as error:
        raise BusError(_words(error)) from error


async def _quiet(_: Exception) -> None:
    """What fails is told by the call that fails."""


def _words(error: BaseException) -> str:
    return f"NATS: {str(error) or type(error).__name__}"


def _epoch(created: datetime) -> int:
    """A whole number below 2**53 that is larger for a stream that was made later."""
    return int(created.timestamp()) << 16 | created.microsecond * 2**16 // 10**6
