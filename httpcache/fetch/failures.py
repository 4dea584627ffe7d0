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

    @classmethod
    def lost_segment(cls) -> NextHopError:
        """Octets that had arrived could not be read back from the store."""
        return cls("proxy_internal_error", 502, "stored segment lost")
