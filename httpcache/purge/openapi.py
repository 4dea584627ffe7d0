"""The purge API described in OpenAPI 3.1, as /v1/openapi.json serves it; the tests hold the API against it."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from aiohttp import web

from httpcache.purge.batches import Batch
from httpcache.purge.orders import LONGEST_WAIT, OrderDocument
from httpcache.purge.tokens import CLOCK_SKEW, LONGEST_JTI, LONGEST_LIFE, SHORTEST_JTI

REASONS = {
    400: "Not an order, or not a question.",
    401: "No valid token.",
    403: "The token lacks a right, or the node is not known.",
    404: "There is none of that name or number.",
    408: "The body did not arrive in time.",
    409: "That cannot be done to this one.",
    413: "The body is too large.",
    429: "Too many attempts from this address have failed.",
    502: "The node that keeps the log cannot be reached.",
    503: "The order could not be made durable: the error says whether it may be applied all the same.",
    504: "The node that keeps the log does not answer.",
}


TOKEN = (
    "A JWT of an operator. Its header has `kid`, the key's id, and `alg`, as that key signs (EdDSA, ES256, RS256; "
    "HS256 for shared secrets). Claims: `aud`, what purge.audience is (edgeward); `iss`, the key's `name` or `kid`; "
    f"`iat`, Unix seconds, at most {CLOCK_SKEW:g} s in the future; `exp`, at most {LONGEST_LIFE:g} s ahead; `jti`, "
    f"{SHORTEST_JTI} to {LONGEST_JTI} characters, a new one for each order; `sha256`, that of the body's octets in "
    "hex digits of lower case (of a GET, of no octets). Optional: `nbf`; and `kinds`, `hosts`, `prefixes`, `tags`, "
    "lists that narrow what it may order."
)


def _json(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _named(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: tuple[str, ...] = (), **members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(required or members)}


def _refusals(*statuses: int) -> dict[str, Any]:
    every = sorted({401, 403, 429, 502, 504, *statuses})
    return {str(status): _json(_named("Problem"), REASONS[status]) for status in every}


TEXT, NUMBER, FLAG = {"type": "string"}, {"type": "number"}, {"type": "boolean"}
WHOLE = {"type": "integer", "minimum": 0}
STATE = {"enum": ["confirmed", "waiting", "away"]}
WAIT = {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0}
WORKER = _object(("worker", "state"), worker=TEXT, state=STATE, applied_at=NUMBER, since=NUMBER)
KEPT = {
    "Problem": _object(error=TEXT, reason=TEXT),
    "ReceiptNode": _object(
        ("node", "state", "workers"),
        node=TEXT, state=STATE, applied_at=NUMBER, since=NUMBER, workers={"type": "array", "items": WORKER},
    ),
    "Entry": _object(n=WHOLE, at=NUMBER, who=TEXT, order={"type": "object"}),
    "Receipt": _object(
        ("id", "epoch", "n", "at", "who", "order", "confirmed", "nodes"),
        id=TEXT, epoch=WHOLE, n=WHOLE, first=WHOLE, at=NUMBER, who=TEXT, order={"type": "object"}, confirmed=FLAG,
        nodes={"type": "array", "items": _named("ReceiptNode")},
    ),
    "History": _object(
        epoch=WHOLE, start=WHOLE, newest=WHOLE, orders={"type": "array", "items": _named("Entry")}
    ),
    "Nodes": _object(
        epoch=WHOLE, newest=WHOLE, now=NUMBER,
        nodes={"type": "array", "items": _object(
            ("node", "state", "applied", "workers"), node=TEXT, state=TEXT, applied=WHOLE, workers={"type": "array"}
        )},
    ),
    "Count": _object(
        dry=FLAG, complete=FLAG, matched=WHOLE,
        nodes={"type": "array", "items": _object(
            node=TEXT, state={"enum": ["counted", "late", "away"]}, matched=WHOLE, exact=FLAG
        )},
    ),
    "Retirement": {**_object(("node",), node=TEXT, force=FLAG), "additionalProperties": False},
}  # fmt: skip
"""Schemas of answers and of what has no type of its own here."""


def _question(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _paths() -> dict[str, Any]:
    order = {"oneOf": [_named("OrderDocument"), _named("Batch")]}
    receipts = {
        "200": _json(_named("Receipt"), "Every worker of every node has confirmed."),
        "202": _json(_named("Receipt"), "Some have not confirmed within `wait`."),
    }
    counted = _json(
        {"oneOf": [_named("Receipt"), _named("Count")]},
        "Every worker has confirmed; or what a dry order matches.",
    )
    number = {"name": "id", "in": "path", "required": True, "schema": TEXT, "description": "EPOCH.N"}
    return {
        "/v1/purges": {
            "post": {
                "summary": "Give an order, or several; with `dry`, count what they would match.",
                "requestBody": {"required": True, "content": {"application/json": {"schema": order}}},
                "responses": {**receipts, "200": counted, **_refusals(400, 408, 413, 503)},
            },
            "get": {
                "summary": "The orders with greater numbers, the oldest first.",
                "parameters": [_question("after", WHOLE, "The number of an order.")],
                "responses": {
                    "200": _json(
                        _named("History"), "At most 1000 orders, and no more than fit: go on from the last."
                    ),
                    **_refusals(400),
                },
            },
        },
        "/v1/purges/{id}": {
            "get": {
                "summary": "The receipt of an order.",
                "parameters": [
                    number,
                    _question("wait", WAIT, "Longest wait for all to confirm, in seconds."),
                ],
                "responses": {**receipts, **_refusals(400, 404)},
            }
        },
        "/v1/nodes": {
            "get": {
                "summary": "Every node that follows the log, or has followed it.",
                "responses": {"200": _json(_named("Nodes"), "The nodes."), **_refusals()},
            }
        },
        "/v1/nodes/retire": {
            "post": {
                "summary": "Retire a node that has left for good; by `force` one that follows.",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": _named("Retirement")}},
                },
                "responses": {
                    "200": _json(_object(retired=TEXT), "It is forgotten."),
                    **_refusals(400, 404, 408, 409, 413, 503),
                },
            }
        },
    }


@cache
def document() -> dict[str, Any]:
    """The description. Every question needs a token; a GET's is signed over an empty body."""
    _, made = msgspec.json.schema_components(
        (OrderDocument, Batch), ref_template="#/components/schemas/{name}"
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Edgeward purge API", "version": "1"},
        "security": [{"token": []}],
        "paths": _paths(),
        "components": {
            "schemas": {**made, **KEPT},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": TOKEN}
            },
        },
    }


async def answer(_: web.Request) -> web.Response:
    """GET /v1/openapi.json: needs no token, as it says nothing of this node."""
    return web.json_response(document())
