"""The audit log: who asked the purge API for what, from where, and what came of it. JSON lines that rotate."""

from __future__ import annotations

import json
import logging
import os
import sys
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from queue import SimpleQueue
from typing import Any

log = logging.getLogger("edgeward.purge")


class _File(RotatingFileHandler):
    """A file for its owner alone. What cannot be written is told once in the program's own log, not raised."""

    is_told = False

    def _open(self) -> Any:
        def opener(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        return open(self.baseFilename, self.mode, encoding="utf-8", opener=opener)

    def handleError(self, record: logging.LogRecord) -> None:
        if not self.is_told:
            self.is_told = True
            log.error("the audit log cannot be written: %s", sys.exc_info()[1])


class AuditLog:
    """Written in a thread of its own, so that nobody waits for the disk."""

    def __init__(self, path: Path, largest: int, files: int) -> None:
        """`largest` bytes in a file, after which it is put aside; of those, `files` are kept."""
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = _File(path, maxBytes=largest, backupCount=files, delay=True)
        queue: SimpleQueue[Any] = SimpleQueue()
        self._handler = QueueHandler(queue)
        self._listener = QueueListener(queue, file)
        self._file = file

    def start(self) -> None:
        """Begin to write."""
        self._listener.start()

    def close(self) -> None:
        """Write what waits. Blocks."""
        self._listener.stop()
        self._file.close()

    def write(self, entry: dict[str, Any]) -> None:
        """Note one line."""
        text = json.dumps(entry)  # whatever a token claims: what is no Unicode is escaped
        self._handler.emit(logging.makeLogRecord({"msg": text, "levelno": logging.INFO}))
