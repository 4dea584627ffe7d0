"""Listening sockets: bound once by the supervisor, inherited by its workers."""

from __future__ import annotations

import contextlib
import resource
import socket

BACKLOG = 2048


def allow_open_files() -> None:
    """Let this process open as many files and sockets as the system lets it: the usual 1,024 are for programs."""
    with contextlib.suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class StartError(Exception):
    """The node cannot start; the message is one line that says what to change."""


def listening(host: str, port: int, count: int, key: str) -> list[socket.socket]:
    """`count` sockets that share one address (SO_REUSEPORT). Raises StartError when it is taken or not ours.

    The supervisor keeps them open: connections to a worker that died wait for the next one instead of being refused.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made: list[socket.socket] = []
    try:
        with _bound(family, host, port, shared=False) as probe:
            probe.listen(
                1
            )  # alone: with SO_REUSEPORT a second node would silently take half of the connections
        for _ in range(count):
            made.append(_bound(family, host, port, shared=True))
            made[-1].listen(BACKLOG)
    except OSError as error:
        for made_socket in made:
            made_socket.close()
        reason = error.strerror or str(error)
        raise StartError(f"{key}: cannot listen on {host}:{port}: {reason}") from error
    return made


def _bound(family: socket.AddressFamily, host: str, port: int, *, shared: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with contextlib.suppress(OSError):
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound
