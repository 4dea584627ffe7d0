"""Both forms in which hits run: the modules as they stand, and compiled where the build could compile them."""

from __future__ import annotations

import asyncio
from types import MemberDescriptorType, ModuleType
from typing import Any

import pytest

from httpcache.serve import connection_server, fast_lane, hits, hot_path, ready, receiving, worker
from httpcache.serve.protocol import Connection

COMPILED = hits.compiled()
FORMS = [
    pytest.param(hot_path, id="pure"),
    pytest.param(
        COMPILED, id="compiled", marks=pytest.mark.skipif(COMPILED is None, reason="not compiled here")
    ),
]

USED = {
    fast_lane: ("HeadMemo", "HitLane", "KnownHead"),
    ready: ("Ready",),
    worker: ("HitTally",),
}
"""What of it is used, and where."""


def run_in(form: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the workers that are made from now on run hits in this form."""
    for module, names in USED.items():
        for name in names:
            monkeypatch.setattr(module, name, getattr(form, name))
    base = receiving if form is hot_path else hits.compiled(receiving)
    monkeypatch.setattr(connection_server, "Connection", connection_of(base.Receiver))


def connection_of(receiver: type) -> Any:
    """The connection of a server, made upon one form of its base."""
    if issubclass(Connection, receiver):
        return Connection
    body = {
        name: value for name, value in vars(Connection).items() if not isinstance(value, MemberDescriptorType)
    }

    def begin(self: Any, server: object) -> None:
        receiver.__init__(self)
        self._server, self._is_read, self._drained = server, True, None

    return type("Connection", (receiver, asyncio.Protocol), body | {"__init__": begin})
