"""What can go wrong with the next hop, as one error with a name clients and operators read."""

from __future__ import annotations

import os
import ssl

_IN_OUR_WORDS = {
    "ClientPayloadError": "the answer broke off",
    "ServerDisconnectedError": "the connection was closed before an answer came",
    "ClientResponseError": "what answers there does not speak HTTP",
    "ServerTimeoutError": "no answer in time",
}
"""By the names of the HTTP client's classes: so that who asks nobody need not import it."""
_WITHOUT_TEXT = {
    "TimeoutError": "no answer in time",
    "ConnectionError": "the connection was broken off",
}


def reason(error: BaseException) -> str:
    """One line that says what went wrong, for an error of the operating system or a library."""
    error = getattr(error, "os_error", error)  # what is inside the HTTP client's own
    number = getattr(error, "errno", None)
    if isinstance(error, ssl.SSLError):
        text = f"TLS: {error.reason.replace('_', ' ').lower()}" if error.reason else "TLS failed"
    elif number:
        text = os.strerror(number) if number > 0 else error.args[-1]  # of a name that is not found: below 0
    else:
        kind = type(error).__name__
        text = _words(error, _IN_OUR_WORDS) or str(error) or _words(error, _WITHOUT_TEXT) or kind
    return " ".join(str(text).split())


def _words(error: BaseException, table: dict[str, str]) -> str:
    return next((table[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in table), "")


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
