"""Stored responses for tests of the stores."""

from __future__ import annotations

from httpcache.messages import Fields, Form, PurgeMark, StoredResponse


def stored(
    key: str = "http://a/x",
    body_id: str = "b.1",
    length: int = 3,
    *,
    variant: str | None = None,
    received: float = 1000.0,
    tags: tuple[str, ...] = ("t",),
) -> StoredResponse:
    """A response of `length` bytes that came whole."""
    return StoredResponse(
        key=key,
        uri=key.partition("://")[2],
        status=200,
        reason="OK",
        fields=Fields([("Content-Type", "text/plain"), ("X-Odd", "\udcff ü")]),
        request_time=received - 1,
        response_time=received,
        selecting=() if variant is None else (("accept-language", variant),),
        tags=tags,
        mark=PurgeMark(7, 9),
        forms=(Form("", body_id, length, ((0, length),) if length else ()),),
    )
