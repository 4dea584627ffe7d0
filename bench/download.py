"""Downloads that cost the client next to nothing: octets are read into one buffer and counted."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Download:
    """One that ended: status, octets, seconds to the first octet of the body, and to the last."""

    status: int
    octets: int
    first: float
    seconds: float

    @property
    def rate(self) -> float:
        """Octets a second."""
        return self.octets / self.seconds if self.seconds else 0.0


def download(port: int, target: str, *fields: str) -> Download:
    """Ask a server of this machine and read the answer to its end. Raises RuntimeError where it ends too early."""
    began = time.monotonic()
    lines = "".join(f"{field}\r\n" for field in fields)
    buffer = bytearray(4 * 2**20)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(
            f"GET {target} HTTP/1.1\r\nHost: bench.example\r\n{lines}Connection: close\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(65536) or _broken("within the head")
        first = time.monotonic() - began
        head, _, body = head.partition(b"\r\n\r\n")
        octets = len(body)
        while count := sock.recv_into(buffer):
            octets += count
    told = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    if told and octets != int(told[0].split(b":")[1]):
        _broken(f"after {octets} octets")
    return Download(int(head.split(b" ", 2)[1]), octets, first, time.monotonic() - began)


def _broken(where: str) -> bytes:
    raise RuntimeError(f"the answer ended {where}")
