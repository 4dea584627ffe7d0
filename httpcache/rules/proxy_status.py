"""Proxy-Status (RFC 9209): which error of the next hop made an answer."""

from __future__ import annotations

from enum import StrEnum

import http_sf

from httpcache.messages import Fields
from httpcache.rules.structured import parse_names, printable, render_member

NAME = "Proxy-Status"


class ProxyError(StrEnum):
    """The errors that a tier can tell apart, by their registered names (§2.3)."""

    DNS_TIMEOUT = "dns_timeout"
    DNS_ERROR = "dns_error"
    DESTINATION_NOT_FOUND = "destination_not_found"
    DESTINATION_UNAVAILABLE = "destination_unavailable"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_TERMINATED = "connection_terminated"
    CONNECTION_TIMEOUT = "connection_timeout"
    CONNECTION_READ_TIMEOUT = "connection_read_timeout"
    CONNECTION_WRITE_TIMEOUT = "connection_write_timeout"
    CONNECTION_LIMIT_REACHED = "connection_limit_reached"
    TLS_PROTOCOL_ERROR = "tls_protocol_error"
    TLS_CERTIFICATE_ERROR = "tls_certificate_error"
    TLS_ALERT_RECEIVED = "tls_alert_received"
    HTTP_REQUEST_ERROR = "http_request_error"
    HTTP_REQUEST_DENIED = "http_request_denied"
    HTTP_RESPONSE_INCOMPLETE = "http_response_incomplete"
    HTTP_RESPONSE_HEADER_SECTION_SIZE = "http_response_header_section_size"
    HTTP_RESPONSE_BODY_SIZE = "http_response_body_size"
    HTTP_RESPONSE_TRANSFER_CODING = "http_response_transfer_coding"
    HTTP_RESPONSE_TIMEOUT = "http_response_timeout"
    HTTP_PROTOCOL_ERROR = "http_protocol_error"
    PROXY_INTERNAL_ERROR = "proxy_internal_error"
    PROXY_LOOP_DETECTED = "proxy_loop_detected"


_STATUSES = {
    ProxyError.DNS_TIMEOUT: 504,
    ProxyError.DESTINATION_NOT_FOUND: 500,
    ProxyError.DESTINATION_UNAVAILABLE: 503,
    ProxyError.CONNECTION_TIMEOUT: 504,
    ProxyError.CONNECTION_READ_TIMEOUT: 504,
    ProxyError.CONNECTION_WRITE_TIMEOUT: 504,
    ProxyError.CONNECTION_LIMIT_REACHED: 503,
    ProxyError.HTTP_REQUEST_ERROR: 400,
    ProxyError.HTTP_REQUEST_DENIED: 403,
    ProxyError.HTTP_RESPONSE_TIMEOUT: 504,
    ProxyError.PROXY_INTERNAL_ERROR: 500,
}


def recommended_status(error: ProxyError) -> int:
    """The status that an answer with this error should have (§2.1.1, §2.3)."""
    return _STATUSES.get(error, 502)


def render(node: str, error: str, detail: str = "") -> str:
    """This tier's member: `error` is a token of RFC 9209 §2.3, `detail` a few words for operators.

    A name that is not registered is told as an internal error, for it is our own mistake.
    """
    known = error if error in _NAMES else ProxyError.PROXY_INTERNAL_ERROR.value
    parameters: dict[str, object] = {"error": http_sf.Token(known)}
    if detail:
        parameters["details"] = printable(detail)
    return render_member(node, parameters)


_NAMES = frozenset(one.value for one in ProxyError)


def add_proxy_status(fields: Fields, node: str, error: str, detail: str = "") -> Fields:
    """The fields with this tier's member after those of the intermediaries nearer the origin (§2).

    What came is kept (§2: SHOULD); a field that is no List of names would make ours unreadable, and is dropped.
    """
    values = fields.all("proxy-status")
    kept = fields if not values or parse_names(", ".join(values)) else fields.without({"proxy-status"})
    return kept.adding((NAME, render(node, error, detail)))
