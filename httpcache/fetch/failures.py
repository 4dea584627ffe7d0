"""What can go wrong with the next hop, as one error with a name clients and operators read."""

from __future__ import annotations


class NextHopError(Exception):
    """The next hop gave no response, or broke one off.

    `error` is a token of Proxy-Status (RFC 9209 §2.3); `status` is what a client without a stored response gets.
    """

    def __init__(self, error: str, status: int, detail: str = "") -> None:
        super().__init__(f"{error}: {detail}" if detail else error)
        self.error = error
        self.status = status
        self.detail = detail


class LostOctets(NextHopError):
    """Octets that had arrived are not held any more, or could not be read back."""

    def __init__(self) -> None:
        super().__init__("proxy_internal_error", 502, "octets that had arrived are lost")
