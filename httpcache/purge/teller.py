"""Tells the log's keeper how far a worker is: short POSTs from a thread of their own, so that hits do not wait."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from httpcache.fetch.failures import reason

PATIENCE = 5.0
"""Longest wait for the keeper to accept a connection, and for its answer, in seconds."""
LARGEST_ANSWER = 65536


class Refused(OSError):
    """The keeper does not take what it is told."""


class Teller:
    """Calls of `tell` one after the other, over one connection that is opened again when it has broken."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._thread = ThreadPoolExecutor(1, "purge-teller")
        self._connection: http.client.HTTPConnection | None = None
        self._closing = False

    async def tell(self, path: str, make: Callable[[], tuple[bytes, str]]) -> None:
        """Make a body and its token, and post them. Raises OSError when they have not arrived."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._tell, path, make)

    def close(self) -> None:
        """Stop, also in the middle of waiting."""
        self._closing = True
        self._thread.shutdown(wait=False, cancel_futures=True)
        sock = self._connection.sock if self._connection is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _tell(self, path: str, make: Callable[[], tuple[bytes, str]]) -> None:
        body, token = make()
        fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        is_reused = self._connection is not None
        try:
            self._post(path, body, fields)
        except Refused:
            raise
        except (OSError, http.client.HTTPException) as error:
            self._forget()
            if not is_reused or self._closing or isinstance(error, TimeoutError):
                raise _as_os_error(error) from error
            try:
                self._post(path, body, fields)  # the keeper may have closed what was idle
            except (OSError, http.client.HTTPException) as again:
                self._forget()
                raise _as_os_error(again) from again

    def _post(self, path: str, body: bytes, fields: dict[str, str]) -> None:
        connection = self._connection
        if connection is None:
            kind = (
                http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
            )
            connection = self._connection = kind(self._address.netloc, timeout=PATIENCE)
        connection.request("POST", self._address.path.rstrip("/") + path, body, fields)
        answer = connection.getresponse()
        answer.read(LARGEST_ANSWER)
        if not answer.isclosed():
            self._forget()
        if answer.status >= 400:
            raise Refused(f"the log's keeper answers {path} with status {answer.status}")

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _as_os_error(error: Exception) -> OSError:
    return error if isinstance(error, OSError) else ConnectionError(reason(error))
